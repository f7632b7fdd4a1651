/** A fresh correlation id. Pages without TLS have no `crypto.randomUUID` (secure contexts only). */
export function correlationId(source: Partial<Crypto> & Pick<Crypto, "getRandomValues"> = crypto) {
  if (source.randomUUID) return source.randomUUID();
  const bytes = source.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
