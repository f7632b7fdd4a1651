/** The element of a page's own markup with this test id, which is the only name elements have. */
export function part<E extends HTMLElement = HTMLElement>(name: string): E {
  const element = document.querySelector<E>(`[data-testid="${name}"]`);
  if (!element) throw new Error(`The page has no ${name}.`);
  return element;
}

type Attributes = Readonly<Record<string, string>>;

/** A new element with attributes and children. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes,
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const created = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) created.setAttribute(name, value);
  created.append(...children);
  return created;
}

/** Sets text only where it changes: live regions are read out at every write. */
export function say(target: HTMLElement, words: string): void {
  if (target.textContent !== words) target.textContent = words;
}

/** An icon of `src/icon`, as a mask in the colour of the text around it. */
export function icon(name: string): HTMLSpanElement {
  return element("span", { class: `icon icon-${name}`, "aria-hidden": "true" });
}

/** A switch whose words say what a press does; `on` is how things stand. */
export function setSwitch(button: HTMLElement, on: boolean, words: string): void {
  button.dataset.on = String(on);
  const label = button.querySelector<HTMLElement>(".label");
  if (label) say(label, words);
  else if (button.getAttribute("aria-label") !== words) button.setAttribute("aria-label", words);
  if (!label) button.title = words;
}
