"""The avatar inside one's own program: sound in, pictures out, without a page or a server.

May import serving and below, never the page.
"""

from flowact.avatar.host import AvatarHost, open_avatar
from flowact.avatar.segment import AvatarSegment
from flowact.avatar.session import AvatarSession

__all__ = ["AvatarHost", "AvatarSegment", "AvatarSession", "open_avatar"]
