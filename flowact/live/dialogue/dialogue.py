"""Both sides of a session: what the viewer's microphone is for, what they say, and what the avatar says."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Final

from flowact.errors import UserError
from flowact.live.dialogue.conversation import Conversation
from flowact.live.dialogue.dialogue_context import DialogueContext
from flowact.live.dialogue.kept_dialogue import KeptDialogue, Mode
from flowact.live.dialogue.listener import Listener
from flowact.live.dialogue.mouth import AvatarMouth
from flowact.live.dialogue.spoken import read_ahead, recorded, spoken, typed
from flowact.live.dialogue.utterance import SpokenPiece, SpokenUtterance
from flowact.live.persona import NOBODY, Persona
from flowact.live.protocol import events
from flowact.live.speech.clauses import appended, clauses, cut, joined
from flowact.live.speech.services import SpeechServices
from flowact.live.speech.tts import reader
from flowact.logs import raised_at
from flowact.media import Recording
from flowact.serving.audio_source import from_pcm16
from flowact.serving.messages import MediaSegment, Puppet, PushAudio

_log = logging.getLogger(__name__)

STOPPED: Final = "You stopped the puppet, so the microphone is off."
GIVES_WAY: Final = "The avatar says something else now, so the microphone is off."
CANNOT_HEAR: Final = "Listening does not work on this server now, so the microphone is off."
FAILED: Final = "Something went wrong on this server; try that again."
NO_ANSWERS: Final = "No language model is configured here, so the avatar listens but cannot answer."
NO_HEARING: Final = "Nothing on this server understands speech; type to talk with the avatar."


class Dialogue:
    """Who speaks, and to whom.

    Attributes:
        mode: what the microphone is for.
        mouth: what the avatar says.
        answering: whether an answer to the viewer is being made or given.
        voice: name of the voice; empty for the best one.
        question: what the viewer said last; empty before that.

    Args:
        services: voices, recogniser and language model.
        around: see `DialogueContext`.
        persona: who the avatar is in a conversation.
    """

    def __init__(
        self, services: SpeechServices, around: DialogueContext, persona: Persona = NOBODY
    ) -> None:
        self._services, self._around, self._persona = services, around, persona
        self._greeting = persona.greeting
        self.mode: Mode = "off"
        self.answering, self.voice, self.question = False, self._usual_voice, ""
        self.mouth = AvatarMouth(
            *(around.session, around.command, around.tell, around.flush, around.begun),
            around.now,
        )
        self._listener = Listener(services.recogniser, services.endpoints.language)
        prompt = persona.prompt(services.endpoints.persona)
        self._conversation = Conversation(services.chat, prompt, around.act)
        self._work: asyncio.Task[None] | None = None
        self._held: SpokenUtterance | None = None
        self._text = ""  # of what is being said, as far as it is known
        self._rest: KeptDialogue | None = None  # what another server had still to say

    @property
    def viewer_speaks(self) -> bool:
        """Whether the viewer is heard in a conversation."""
        return self.mode == "conversation" and self._listener.activity.speaking

    @property
    def _usual_voice(self) -> str:
        """The person's own, unless the owner has a server or one voice speak for everybody."""
        chosen = self._services.endpoints
        everybody = chosen.speaking.configured or chosen.voice in self._services.engines
        return "" if everybody else self._persona.voice

    @property
    def clause(self) -> str:
        """What the avatar is saying now, as far as it is known as text."""
        said = self.mouth.utterance
        return said.clause if said is not None and self.mouth.speaks else ""

    def say_text(self, text: str, voice: str) -> None:
        """Speak a text.

        Raises:
            UserError: there is nothing in it, or no voice reads it.
        """
        if not cut(text):
            raise UserError("There is nothing to say in that text.")
        voice = voice or self.voice
        reader(self._services.engines, voice, text)
        self._say(spoken(typed(text), self._services.engines, voice), "voice", text)

    def play(self, recording: Recording) -> None:
        """Speak a recording."""
        self._say(recorded(recording.blocks()), "recording")

    def ask(self, question: str) -> None:
        """Answer what the viewer has typed.

        Raises:
            UserError: there is nothing in it.
        """
        if not question.strip():
            raise UserError("There is no question in that.")
        self._make_room()
        self._start(self._reply_to(question.strip()))

    def choose(self, voice: str, language: str) -> None:
        """Take another voice for answers, and another language to be spoken to."""
        self.voice = voice or self._usual_voice
        self._listener.language = language or self._services.endpoints.language

    def become(self, description: str) -> None:
        """Answer as somebody else from now on; what was said stays."""
        self._persona = replace(self._persona, description=description)
        self._conversation.become(self._persona.prompt(self._services.endpoints.persona))

    def set_microphone(self, mode: Mode) -> None:
        """Change what the microphone is for."""
        was, self.mode = self.mode, mode
        if mode == "puppet":
            self._give_up()
            self._around.command(Puppet(self._around.session, self.mouth.begin()))
        elif was == "puppet":
            self.mouth.hush()
        if mode != "conversation":
            self._listener.close()
            self._let_go()
        self._around.tell(events.MicrophoneChanged(mode=mode))
        if mode == "conversation":
            self._say_what_is_missing()
            self._greet()

    def hear(self, packet: bytes) -> None:
        """Take a packet of microphone sound, 16-bit mono at 16 kHz."""
        if self.mode == "puppet":  # nobody answers: whether this is speech does not matter
            self._around.command(PushAudio(self._around.session, packet, time.time()))
        if self.mode != "conversation":
            return
        try:
            heard = self._listener.hear(from_pcm16(packet), packet)
        except UserError as error:
            _log.warning("session %s cannot listen: %s", self._around.session, error)
            self._switch_off(CANNOT_HEAR)
            return
        if heard.speech_started:
            self._around.tell(events.SpeechStarted())
            self._hold()
        if heard.speech_ended:
            self._around.tell(events.SpeechStopped(quiet_ms=round(heard.quiet * 1e3)))
            self._start(self._answer_turn())

    def interrupt(self) -> None:
        """Be silent now: nothing of what was said before is sent any more."""
        self._give_up()
        self.mouth.hush()
        self._end_puppet(STOPPED)

    def shown(self, segment: MediaSegment) -> None:
        """Take note of a segment that is sent to the viewer."""
        over = self.mouth.shown(segment)
        if over is not None:
            self.answering = False
            self._settle(over)
        if segment.finished:
            self._say_rest()

    def restarted(self) -> None:
        """The worker was replaced: what was being said goes on where it was heard to stop, and so does a puppet."""
        if self.mouth.speaks and self.mouth.utterance is not None:
            if self._work is not None:
                self._work.cancel()
            stopped = self.mouth.hush()
            if stopped is not None:
                self._start(self.mouth.say(stopped))
        if self.mode == "puppet":
            self._around.command(Puppet(self._around.session, self.mouth.epoch))

    def kept(self, on_their_way: int | None = None) -> KeptDialogue:
        """Return what another server needs; for `on_their_way` see `SpokenUtterance.rest`."""
        said = self.mouth.utterance or self._held
        rest = self._rest.rest if self._rest is not None else ""
        return KeptDialogue(
            mode=self.mode,
            voice=self.voice,
            language=self._listener.language,
            question=self.question,
            turns=self._conversation.history.newest(),
            said=said.words_heard() if said is not None else "",
            rest=said.rest(self._text, on_their_way) if said is not None else rest,
            answers=said is not None and said.answers,
        )

    def go_on(self, kept: KeptDialogue, epoch: int, *, worker_speaks: bool) -> None:
        """Be the dialogue that another server had.

        Args:
            kept: what it knew.
            epoch: of the last thing that was said.
            worker_speaks: whether the worker has sound of it in hand; what is left is said after that.
        """
        self.mode, self.voice, self.question = kept.mode, kept.voice, kept.question
        self._listener.language, self.mouth.epoch = kept.language, epoch
        self._conversation.history.restore(kept.turns)
        self._greeting = ""
        self._rest = kept
        if not worker_speaks:
            self._say_rest()

    def close(self) -> None:
        """Forget everything that was said."""
        self._give_up()
        self._listener.close()
        self.question = ""
        self._conversation.history.clear()

    # -- the avatar's side ---------------------------------------------------------------------

    def _say(self, pieces: AsyncGenerator[SpokenPiece, None], source: str, text: str = "") -> None:
        self._make_room()
        self._text = joined(cut(text))
        self._start(self.mouth.say(SpokenUtterance(pieces, source)))

    def _greet(self) -> None:
        """Say the character's greeting, once, where a conversation is possible at all."""
        greeting, self._greeting = self._greeting, ""
        if not greeting or not self._conversation.can_answer or not self._services.engines:
            return
        if self.mouth.speaks or self.answering:
            return
        self._around.tell(events.ReplyDone(text=greeting))
        self._say(spoken(typed(greeting), self._services.engines, self.voice), "voice", greeting)

    def _say_rest(self) -> None:
        """Say what another server had still to say."""
        kept, self._rest = self._rest, None
        if kept is None or not kept.rest or not self._services.engines:
            return
        self._text, self.answering = kept.rest, kept.answers
        pieces = spoken(typed(kept.rest), self._services.engines, self.voice)
        utterance = SpokenUtterance(pieces, "voice", answers=kept.answers, before=kept.said)
        self._start(self.mouth.say(utterance))

    def _make_room(self) -> None:
        """Whatever is being said or answered gives way to something that the viewer asked for."""
        self._end_puppet(GIVES_WAY)
        busy = self.mouth.speaks or (self._work is not None and not self._work.done())
        self._give_up()
        if busy:
            self.mouth.hush()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        if self._work is not None:
            self._work.cancel()
        self._around.expected(reply=True)
        self._work = asyncio.create_task(self._guarded(work))

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        """Whatever goes wrong is told to the viewer, and the session goes on."""
        try:
            await work
        except UserError as error:
            _log.info("session %s: nothing was said: %s", self._around.session, raised_at(error))
            self._fail(error)
        except Exception as error:
            _log.error("session %s: a reply failed: %s", self._around.session, raised_at(error))
            self._fail(UserError(FAILED))

    def _fail(self, error: UserError) -> None:
        self.answering = False
        self._around.expected(reply=False)
        self._around.tell(events.error_event(error))
        if self.mouth.utterance is not None and not self.mouth.speaks:
            self.mouth.forget()
        if self.mouth.utterance is None:
            self._conversation.history.give_up()

    def _give_up(self) -> None:
        """End whatever is being made, said or held; what was heard of it is remembered."""
        if self._work is not None:
            self._work.cancel()
        self._work, self.answering = None, False
        self._around.expected(reply=False)
        self._rest = None
        self._let_go()
        self.mouth.note_heard()
        if self.mouth.utterance is not None:
            self._settle(self.mouth.utterance)
        self.mouth.forget()

    def _settle(self, said: SpokenUtterance) -> None:
        """An utterance is over: of an answer, what was heard belongs to the conversation."""
        if said.answers:
            self._conversation.history.answered(said.words_heard())
        said.close()

    # -- the viewer's side ---------------------------------------------------------------------

    def _hold(self) -> None:
        """The viewer speaks: be silent, but remember how to go on in case it was only a noise."""
        if self._work is not None:
            self._work.cancel()
        self._work, self.answering = None, False
        if self.mouth.speaks:
            self._held = self.mouth.hush() or self._held
        elif self.mouth.utterance is not None:
            self._settle(self.mouth.utterance)
            self.mouth.forget()

    def _let_go(self) -> None:
        """What was stopped will not be gone on with."""
        held, self._held = self._held, None
        if held is not None:
            self._settle(held)

    async def _answer_turn(self) -> None:
        """Answer what the viewer has just said; if that was nothing, go on with what was stopped."""
        self.answering = True
        said = await self._listener.said()
        if not said:
            self.answering = False
            self._around.expected(reply=False)
            held, self._held = self._held, None
            if held is not None:
                await self.mouth.say(held)
            return
        self._let_go()
        await self._reply_to(said)

    async def _reply_to(self, question: str) -> None:
        self.answering, self.question = True, question
        self._around.tell(events.TranscriptFinal(text=question))
        answer = read_ahead(self._captioned(clauses(self._conversation.answer(question))))
        if not self._services.engines:
            async for _ in answer:
                pass
            raise UserError("This machine has no voice; the answer can only be read.")
        pieces = spoken(answer, self._services.engines, self.voice)
        await self.mouth.say(SpokenUtterance(pieces, "voice", answers=True))

    async def _captioned(self, answer: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
        """Pass clauses on and show the viewer the answer as it grows."""
        shown = ""
        async with aclosing(answer):
            async for clause in answer:
                more = appended(shown, clause)
                self._text = shown = shown + more
                self._around.tell(events.ReplyDelta(text=more))
                yield clause
        self._around.tell(events.ReplyDone(text=shown))

    # -- the microphone ------------------------------------------------------------------------

    def _end_puppet(self, why: str) -> None:
        if self.mode == "puppet":
            self._switch_off(why)

    def _switch_off(self, why: str) -> None:
        self.mode = "off"
        self._around.tell(events.MicrophoneChanged(mode="off", why=why))

    def _say_what_is_missing(self) -> None:
        if not self._conversation.can_answer:
            self._around.tell(events.NoticeEvent(message=NO_ANSWERS))
        elif self._services.recogniser is None:
            self._around.tell(events.NoticeEvent(message=NO_HEARING))
