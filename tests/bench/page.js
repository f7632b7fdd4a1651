// Notes in a page when pictures come and go, reads statistics, and can hold `consume` back.
(() => {
  const bench = { decoded: {}, shown: {}, widths: {}, sending: [], held: [] };
  window.__bench = bench;

  // A frame that a track hands out has been decoded, and waits for no screen. Clones, because the
  // page has its own use for the track.
  const watchDecoding = async (peerId, track) => {
    const clone = track.clone();
    const reader = new MediaStreamTrackProcessor({ track: clone }).readable.getReader();
    for (;;) {
      const { value: frame, done } = await reader.read();
      if (done) return;
      const atMs = performance.now();
      bench.decoded[peerId] ??= atMs;
      const widths = (bench.widths[peerId] ??= []);
      if (widths.at(-1)?.width !== frame.displayWidth) {
        widths.push({ atMs, width: frame.displayWidth });
      }
      frame.close();
      if (bench.followsWidths) continue;
      await reader.cancel();
      clone.stop();
      return;
    }
  };

  const Connection = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Connection {
    constructor(...options) {
      super(...options);
      // The client names a stream after the peer.
      this.addEventListener("track", ({ track, streams }) => {
        if (track.kind === "video" && streams[0]) void watchDecoding(streams[0].id, track);
      });
      this.addEventListener("connectionstatechange", () => {
        if (this.connectionState === "connected") bench.connectedAtMs ??= performance.now();
      });
    }
  };

  const watchShowing = (video) => {
    video.requestVideoFrameCallback((nowMs) => {
      const peer = video.closest("[data-testid=tile]")?.dataset.peerId;
      if (peer) bench.shown[peer] ??= nowMs;
    });
  };
  new MutationObserver((changes) => {
    for (const { addedNodes } of changes) {
      for (const node of addedNodes) {
        if (node.matches?.("video")) watchShowing(node);
        for (const video of node.querySelectorAll?.("video") ?? []) watchShowing(video);
      }
    }
  }).observe(document, { childList: true, subtree: true });

  let holding = false;
  bench.hold = () => {
    holding = true;
  };
  bench.release = () => {
    holding = false;
    for (const go of bench.held.splice(0)) go();
  };
  __probe.tamper.push((message) => {
    if (message.type !== "consume" || !holding) return message;
    return new Promise((resolve) => bench.held.push(() => resolve(message)));
  });

  // When the first `consume` that names one of these producers went out; null if none has.
  bench.consumedAtMs = (producerIds) => {
    for (const { atMs, text } of __probe.sent) {
      const { type, payload } = JSON.parse(text);
      const named = type === "consume" ? [payload.producerId, ...(payload.producerIds ?? [])] : [];
      if (producerIds.some((id) => named.includes(id))) return atMs;
    }
    return null;
  };

  // Every entry of these types in the statistics of all open connections.
  bench.stats = async (...types) => {
    const found = [];
    for (const connection of __probe.connections) {
      if (connection.connectionState === "closed") continue;
      for (const entry of (await connection.getStats()).values()) {
        if (types.includes(entry.type)) found.push(entry);
      }
    }
    return found;
  };

  // Samples what this page sends, ten times a second.
  bench.watchSending = () => {
    setInterval(async () => {
      const entries = await bench.stats("outbound-rtp", "candidate-pair");
      const video = entries.filter(({ type, kind }) => type === "outbound-rtp" && kind === "video");
      if (video.length === 0) return;
      const sum = (name) => video.reduce((total, entry) => total + (entry[name] ?? 0), 0);
      // Two are nominated for a moment when the browser changes its address.
      const estimates = entries.map((entry) => entry.availableOutgoingBitrate ?? 0);
      bench.sending.push({
        atMs: performance.now(),
        // Payload alone: no headers, no padding, nothing sent twice.
        bytes: sum("bytesSent") - sum("retransmittedBytesSent"),
        targetBps: sum("targetBitrate"),
        availableBps: Math.max(...estimates),
        layers: video.filter(({ active, framesPerSecond }) => active && framesPerSecond > 0).length,
      });
    }, 100);
  };
})();
