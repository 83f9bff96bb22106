"""A Pipecat pipeline whose voice is seen: a recording in place of a voice, counted pictures in place of a room.

Shows the frame processor. Needs `pipecat-ai` (see docs/adapters.md). In a real bot the avatar stands between the
text-to-speech service and the output transport, and everything else stays as it is.

    python examples/pipecat_pipeline.py --audio my_voice.wav
"""

import argparse
import asyncio
from pathlib import Path

from pipecat.frames.frames import (
    EndFrame,
    Frame,
    InterruptionFrame,
    OutputImageRawFrame,
    SpeechOutputAudioRawFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from flowact.adapters.pipecat import FlowActAvatarProcessor
from flowact.avatar import AvatarHost
from flowact.media import Recording
from flowact.serving.audio_source import to_pcm16


class Counter(FrameProcessor):
    """Stands where the output transport would: counts pictures and seconds of voice."""

    def __init__(self) -> None:
        super().__init__()
        self.pictures, self.seconds = 0, 0.0
        self.spoken = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Count, and pass on."""
        await super().process_frame(frame, direction)
        if isinstance(frame, OutputImageRawFrame):
            self.pictures += 1
        elif isinstance(frame, SpeechOutputAudioRawFrame):
            self.seconds += frame.num_frames / frame.sample_rate
            self.spoken.set()
        await self.push_frame(frame, direction)


async def speak(recording: Recording) -> Counter:
    """Say a recording twice, the first time interrupted."""
    counter = Counter()
    async with AvatarHost() as host:
        avatar = FlowActAvatarProcessor(host, character="mira")
        worker = PipelineWorker(Pipeline([avatar, counter]))
        runner = WorkerRunner(handle_sigint=False)
        running = asyncio.create_task(runner.run(worker))
        pcm = to_pcm16(recording.read())
        await worker.queue_frame(TTSAudioRawFrame(audio=pcm, sample_rate=16_000, num_channels=1))
        await counter.spoken.wait()
        await worker.queue_frame(InterruptionFrame())
        counter.seconds = 0.0
        await asyncio.sleep(0.5)
        await worker.queue_frame(TTSAudioRawFrame(audio=pcm, sample_rate=16_000, num_channels=1))
        await worker.queue_frame(TTSStoppedFrame())
        while counter.seconds < recording.seconds:
            await asyncio.sleep(0.05)
        await worker.queue_frame(EndFrame())
        await running
    return counter


def main(argv: list[str] | None = None) -> None:
    """Run the pipeline and print what came out of it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--audio", type=Path, required=True, help="what the voice says")
    args = parser.parse_args(argv)
    counter = asyncio.run(speak(Recording.open(args.audio)))
    print(f"{counter.pictures} pictures, {counter.seconds:.2f} s of voice")


if __name__ == "__main__":
    main()
