"""What answers what: every request with its reply, and every event."""

from typing import get_args

from services.gateway.core.message import (
    connection,
    later,
    media,
    peer,
    room,
    sdp,
    speaker,
    stats,
    text,
    transport,
)
from services.gateway.core.message.envelope import Payload, Request
from services.gateway.core.message.request import AnyRequest

REQUESTS: tuple[type[Request], ...] = get_args(AnyRequest)

# Several where the form of the request decides. Every request may be answered with `error` instead.
REPLIES: dict[type[Request], tuple[type[Payload], ...]] = {
    connection.AuthRequest: (connection.AuthResponse,),
    connection.AuthRefresh: (connection.AuthRefreshed,),
    connection.Ping: (connection.Pong,),
    room.RoomJoin: (room.RoomState,),
    room.RoomLeave: (room.RoomLeft,),
    room.RoomLock: (room.RoomLocked,),
    room.RoomUnlock: (room.RoomUnlocked,),
    transport.TransportCreate: (transport.TransportCreated,),
    transport.TransportConnect: (transport.TransportConnected,),
    transport.TransportRestartIce: (transport.TransportIceRestarted,),
    transport.TransportClose: (transport.TransportClosed,),
    media.Produce: (media.Produced,),
    media.Consume: (media.ConsumerCreated, media.ConsumersCreated),
    media.ProducerPause: (media.ProducerPaused,),
    media.ProducerResume: (media.ProducerResumed,),
    media.ProducerClose: (media.ProducerClosed,),
    media.ConsumerPause: (media.ConsumerPaused,),
    media.ConsumerResume: (media.ConsumerResumed,),
    media.ConsumerClose: (media.ConsumerClosed,),
    media.ConsumerSetLayers: (media.ConsumerLayersSet,),
    media.ConsumerRequestKeyFrame: (media.ConsumerKeyFrameRequested,),
    sdp.SdpOffer: (sdp.SdpAnswered,),
    sdp.SdpAnswer: (sdp.SdpAnswerTaken,),
    sdp.IceCandidateAdd: (sdp.IceCandidateAdded,),
    stats.StatsGet: (stats.StatsGot,),
    text.MessageSend: (text.MessageSent,),
    peer.PeerUpdate: (peer.PeerUpdated,),
    peer.PeerAdmit: (peer.PeerAdmitted,),
    peer.PeerReject: (peer.PeerRejected,),
    peer.PeerKick: (peer.PeerKicked,),
    peer.PeerMute: (peer.PeerMuted,),
    peer.PeerUnmute: (peer.PeerUnmuted,),
}

# Validated, and answered with UNAVAILABLE, NOT_BUILT.
NOT_BUILT: tuple[type[Request], ...] = get_args(later.NotBuilt)

# Numbered, logged, told exactly once.
STATE_EVENTS: tuple[type[Payload], ...] = (
    room.ParticipantJoined,
    room.ParticipantUpdated,
    room.ParticipantLeft,
    room.ParticipantWaiting,
    room.RoomLocked,
    room.RoomUnlocked,
    text.MessageReceived,
    media.ProducerNew,
    media.ProducerPaused,
    media.ProducerResumed,
    media.ProducerClosed,
    media.ConsumerPaused,
    media.ConsumerResumed,
    media.ConsumerClosed,
    transport.TransportClosed,
)

# Without a number: latest-only, or said once to this connection.
OTHER_EVENTS: tuple[type[Payload], ...] = (
    media.ConsumerLayers,
    media.ProducerLayersNeeded,
    speaker.SpeakerActive,
    media.ConsumerScore,
    media.ProducerScore,
    sdp.SdpOffered,
    room.RoomWaiting,
    room.RoomMoved,
    # In place of events that cannot be told again.
    room.RoomState,
    connection.SessionRenewed,
    connection.SessionClosing,
)
