"""The routes of whole videos: sound and pictures go up, an mp4 file comes down."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse

from flowact.live.api.bodies import described, read_body
from flowact.live.api.models import RenderSpec, RenderStanding
from flowact.live.api.renders import RenderQueue


def add_render_routes(api: FastAPI, renders: RenderQueue, owner: Any) -> None:
    """Declare the routes, all of which need one of the owner's keys.

    Args:
        api: the application that serves `/v1`.
        renders: makes the videos.
        owner: dependency that asks for a key.
    """

    @api.post(
        "/renders",
        status_code=202,
        dependencies=[owner],
        openapi_extra=described(RenderSpec),
        tags=["owner"],
    )
    async def make_video(request: Request) -> RenderStanding:
        """Make a whole video. It waits for its turn and for a place, then takes as long as the speech."""
        return (await renders.add(await read_body(request, RenderSpec))).standing()

    @api.get("/renders/{render_id}", dependencies=[owner], tags=["owner"])
    async def look_at_video(render_id: str) -> RenderStanding:
        """Say where a video stands."""
        return renders.find(render_id).standing()

    @api.get(
        "/renders/{render_id}/video",
        dependencies=[owner],
        tags=["owner"],
        response_class=FileResponse,
        responses={200: {"content": {"video/mp4": {}}, "description": "An mp4 file."}},
    )
    async def download_video(render_id: str) -> FileResponse:
        """Return a video that is done."""
        return FileResponse(renders.finished(render_id).path, media_type="video/mp4")

    @api.delete("/renders/{render_id}", status_code=204, dependencies=[owner], tags=["owner"])
    async def delete_video(render_id: str) -> None:
        """Delete a video, or give up making it."""
        await renders.remove(render_id)
