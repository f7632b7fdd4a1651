// Runs in every page before its own scripts: keeps what a test wants to ask about and can change
// what a page says, as a hostile page would. Where `tell` is set it is given each frame of a socket,
// with < or > before it for the way that it went.
(() => {
  const probe = { connections: [], sockets: [], sent: [], received: [], tamper: [], firstFrames: {} };
  window.__probe = probe;

  const Connection = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Connection {
    constructor(...options) {
      super(...options);
      probe.connections.push(this);
    }
  };

  // Each entry of `tamper` is a function from a message to the one to send instead, or a promise
  // of it. Only what is tampered with may be delayed, so that order holds for everything else.
  const Socket = window.WebSocket;
  window.WebSocket = class extends Socket {
    constructor(...options) {
      super(...options);
      probe.sockets.push(this);
      this.addEventListener("message", ({ data }) => {
        probe.received.push({ atMs: performance.now(), text: data });
        probe.tell?.(`<${data}`);
      });
    }
    send(text) {
      let message = JSON.parse(text);
      for (const change of probe.tamper) message = change(message) ?? message;
      const deliver = (changed) => {
        if (this.readyState !== Socket.OPEN) return;
        const sent = JSON.stringify(changed);
        probe.sent.push({ atMs: performance.now(), text: sent });
        probe.tell?.(`>${sent}`);
        super.send(sent);
      };
      if (message instanceof Promise) void message.then(deliver);
      else deliver(message);
    }
  };

  // Firefox does not always answer for a connection that ends meanwhile. What is not told is asked for
  // again.
  const statsOf = async (connection) => {
    const never = new Promise((resolve) => setTimeout(resolve, 2000, new Map()));
    return (await Promise.race([connection.getStats(), never])).values();
  };

  // Statistics of everything that this page receives, one flat object a stream.
  probe.inbound = async () => {
    const found = [];
    for (const connection of probe.connections) {
      if (connection.connectionState === "closed") continue;
      for (const entry of await statsOf(connection)) {
        if (entry.type !== "inbound-rtp") continue;
        found.push({
          track: entry.trackIdentifier,
          kind: entry.kind,
          packets: entry.packetsReceived ?? 0,
          lost: entry.packetsLost ?? 0,
          frames: entry.framesDecoded ?? 0,
          width: entry.frameWidth ?? 0,
          keyFrameRequests: entry.pliCount ?? 0,
          freezes: entry.freezeCount ?? 0,
          freezeS: entry.totalFreezesDuration ?? 0,
          audioEnergy: entry.totalAudioEnergy ?? 0,
        });
      }
    }
    return found;
  };

  // What this page has sent of each video layer: bytes of payload so far, by rid.
  probe.sentLayers = async () => {
    const found = {};
    for (const connection of probe.connections) {
      if (connection.connectionState === "closed") continue;
      for (const entry of await statsOf(connection)) {
        if (entry.type !== "outbound-rtp" || entry.kind !== "video") continue;
        found[entry.rid ?? ""] = entry.bytesSent - (entry.retransmittedBytesSent ?? 0);
      }
    }
    return found;
  };

  const marked = (id) => `[data-testid="${id}"]`;
  probe.element = (id) => document.querySelector(marked(id));

  // The tiles of the peer of this name.
  probe.tiles = (name) =>
    [...document.querySelectorAll(marked("tile"))].filter(
      (tile) => tile.querySelector(marked("tile-name"))?.textContent.trim() === name,
    );

  // The same statistics, of the tracks that the peer's one tile plays.
  probe.inboundOf = async (name) => {
    const [tile, ...more] = probe.tiles(name);
    if (!tile || more.length) return [];
    const { srcObject } = tile.querySelector(marked("tile-video"));
    const tracks = new Set((srcObject?.getTracks() ?? []).map(({ id }) => id));
    return (await probe.inbound()).filter(({ track }) => tracks.has(track));
  };
})();
