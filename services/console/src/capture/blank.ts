/**
 * A picture of nothing, which stands in for a camera that is off: the camera's own light goes out,
 * and what is published lives on, paused. It has no frames, so nothing of it is ever sent.
 */
export function blankTrack(): MediaStreamTrack {
  const canvas = document.createElement("canvas");
  canvas.width = 640;
  canvas.height = 360;
  // Firefox captures a canvas only once it has a context.
  canvas.getContext("2d");
  const [track] = canvas.captureStream(0).getVideoTracks();
  if (!track) throw new Error("A canvas stream has a track.");
  return track;
}
