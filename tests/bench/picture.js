// Notes when each tile's first picture is shown, and can hold `consume` back until the test says so.
(() => {
  const bench = { firstFrames: {}, held: [] };
  window.__bench = bench;

  const watch = (video) => {
    video.requestVideoFrameCallback((nowMs) => {
      const peer = video.closest("[data-testid=tile]")?.dataset.peerId;
      if (peer) bench.firstFrames[peer] = nowMs;
    });
  };
  new MutationObserver((changes) => {
    for (const { addedNodes } of changes) {
      for (const node of addedNodes) {
        for (const video of node.querySelectorAll?.("video") ?? []) watch(video);
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
})();
