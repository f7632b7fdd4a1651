/** How tiles are laid out: pure functions of numbers. All lengths are CSS pixels. */

export interface Box {
  width: number;
  height: number;
}

export interface Arrangement {
  columns: number;
  /** How many tiles fit without another arrangement. */
  capacity: number;
  /** Of one tile; its height follows from the aspect. */
  width: number;
  /** Whether the rows are higher than the box. */
  scrolls: boolean;
}

export interface Rules {
  gap: number;
  /** Width of a tile by its height. */
  aspect: number;
  /** Below this width a tile is not made smaller; the grid scrolls instead. */
  least: number;
}

// An arrangement is kept until another would make tiles larger by this much: that people come and
// go should not move those who stay.
const WORTH_MOVING = 1.2;

/** The arrangement of `count` tiles that makes them largest, or the present one while it is good. */
export function arrange(count: number, box: Box, rules: Rules, present?: Arrangement): Arrangement {
  const best = largest(Math.max(1, count), box, rules);
  if (!present || present.scrolls || best.scrolls || present.capacity < count) return best;
  const kept = fitted(present.columns, present.capacity / present.columns, box, rules);
  const isGood = kept.width >= rules.least && best.width < kept.width * WORTH_MOVING;
  return isGood ? kept : best;
}

function largest(count: number, box: Box, rules: Rules): Arrangement {
  let best: Arrangement | undefined;
  for (let columns = 1; columns <= count; columns += 1) {
    const found = fitted(columns, Math.ceil(count / columns), box, rules);
    if (!best || found.width > best.width) best = found;
  }
  if (best && best.width >= rules.least) return best;
  return scrolling(count, box, rules);
}

function fitted(columns: number, rows: number, box: Box, { gap, aspect }: Rules): Arrangement {
  const byWidth = (box.width - (columns - 1) * gap) / columns;
  const byHeight = ((box.height - (rows - 1) * gap) / rows) * aspect;
  const width = Math.max(0, Math.floor(Math.min(byWidth, byHeight)));
  return { columns, capacity: columns * rows, width, scrolls: false };
}

function scrolling(count: number, box: Box, { gap, aspect, least }: Rules): Arrangement {
  const columns = Math.max(1, Math.floor((box.width + gap) / (least + gap)));
  const width = Math.max(0, Math.floor((box.width - (columns - 1) * gap) / columns));
  const rows = Math.ceil(count / columns);
  const height = rows * (width / aspect) + (rows - 1) * gap;
  return { columns, capacity: columns * rows, width, scrolls: height > box.height };
}

export type Direction = "left" | "right" | "up" | "down" | "first" | "last";

/** The index that a key leads to from `index`; the same at an edge. */
export function step(index: number, direction: Direction, count: number, columns: number): number {
  const to = {
    left: index - 1,
    right: index + 1,
    up: index - columns,
    down: index + columns,
    first: 0,
    last: count - 1,
  }[direction];
  return to >= 0 && to < count ? to : index;
}

// A layer is a quarter, a half or all of 1280 pixels. A picture may be stretched to 2.5 times its
// width before it is worth four times the bits.
const LAYER_WIDTHS = [800, 1600] as const;

/** The layer that suits a picture this wide, 0 the lowest; `width` in device pixels. */
export function layerOf(width: number): number {
  const found = LAYER_WIDTHS.findIndex((most) => width <= most);
  return found < 0 ? LAYER_WIDTHS.length : found;
}
