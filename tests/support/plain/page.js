// A plain WebRTC client in a page: two RTCPeerConnections and a WebSocket, and nothing else. Made
// once in a page; a test calls its functions.
() => {
  const waiting = new Map();
  const events = [];
  let socket, number = 0;
  const sending = new RTCPeerConnection();
  const receiving = new RTCPeerConnection();
  const players = [];
  let video;

  const ask = (type, payload) => new Promise((resolve, reject) => {
    const correlationId = `p${++number}`;
    waiting.set(correlationId, { resolve, reject });
    socket.send(JSON.stringify({ type, payload, timestamp: Date.now(), correlationId }));
  });

  // One after the other: the server offers again only when it has the answer to the one before.
  const answer = async ({ offerId, sdp }) => {
    await receiving.setRemoteDescription({ type: "offer", sdp });
    await receiving.setLocalDescription();
    await ask("sdp:answer", { offerId, sdp: receiving.localDescription.sdp });
    plain.answered += 1;
  };

  const take = ({ type, payload, correlationId }) => {
    const asked = waiting.get(correlationId);
    if (asked) {
      waiting.delete(correlationId);
      if (type === "error") asked.reject(new Error(JSON.stringify(payload)));
      else asked.resolve(payload);
    } else if (type === "sdp:offer") {
      void answer(payload).catch((error) => plain.failures.push(String(error)));
    } else {
      events.push({ type, payload });
    }
  };

  receiving.ontrack = ({ track, streams, transceiver }) => {
    plain.tracks.push({ mid: transceiver.mid, kind: track.kind, stream: streams[0].id });
    track.onended = () => plain.ended.push(transceiver.mid);
    // Browsers decode a picture that somebody looks at.
    const player = document.createElement(track.kind);
    player.muted = true;
    player.srcObject = new MediaStream([track]);
    document.documentElement.append(player);
    void player.play().catch(() => {});
    players.push(player);
  };
  // Trickled, as RTCPeerConnection gives them.
  for (const connection of [sending, receiving]) {
    connection.onicecandidate = ({ candidate }) => {
      if (candidate) void ask("ice:candidate", candidate.toJSON()).catch(
        (error) => plain.failures.push(String(error)));
    };
  }

  const offer = async (tracks) => {
    await sending.setLocalDescription();
    const reply = await ask("sdp:offer", { sdp: sending.localDescription.sdp, tracks });
    await sending.setRemoteDescription({ type: "answer", sdp: reply.sdp });
    return reply.producers;
  };

  const plain = {
    answered: 0, tracks: [], ended: [], failures: [], events, ask,

    join: async ({ url, token, room, name }) => {
      socket = new WebSocket(url);
      socket.onmessage = ({ data }) => take(JSON.parse(data));
      await new Promise((resolve, reject) => { socket.onopen = resolve; socket.onerror = reject; });
      await ask("auth:request", { token, roomId: room });
      return ask("room:join", { roomId: room, displayName: name });
    },

    // A sound, and a picture in three sizes.
    publish: async () => {
      const stream = await navigator.mediaDevices.getUserMedia(
        { audio: true, video: { width: 640, height: 480 } });
      sending.addTransceiver(stream.getAudioTracks()[0], { direction: "sendonly", streams: [stream] });
      video = sending.addTransceiver(stream.getVideoTracks()[0], {
        direction: "sendonly", streams: [stream],
        sendEncodings: [
          { rid: "q", scaleResolutionDownBy: 4 }, { rid: "h", scaleResolutionDownBy: 2 }, { rid: "f" },
        ],
      });
      await sending.setLocalDescription();
      return offer([{ mid: video.mid, appData: { source: "camera" } }]);
    },

    // The picture's transceiver in another direction, or stopped.
    direct: async (direction) => {
      if (direction === "stopped") video.stop();
      else video.direction = direction;
      return offer();
    },

    // New ICE credentials, as after a change of the network.
    restart: async () => {
      sending.restartIce();
      await offer();
      return sending.iceConnectionState;
    },

    // What is received now, by section.
    received: async () => {
      const found = [];
      for (const entry of (await receiving.getStats()).values()) {
        if (entry.type !== "inbound-rtp") continue;
        found.push({
          mid: entry.mid, kind: entry.kind, frames: entry.framesDecoded ?? 0,
          packets: entry.packetsReceived ?? 0, width: entry.frameWidth ?? 0,
        });
      }
      return found;
    },
  };
  globalThis.plain = plain;
}
