// Files that leave the page and files that come out of it.

const MOST_BYTES = 40_000_000; // the server's bound too; said here before anything is sent

/**
 * Upload a file; resolve to the name to ask for it with, and a remark about it or "".
 *
 * @param sort "audio", with the ticket of a running session, or "picture", with a visitor's.
 */
export async function sendFile(base, sort, file, { ticket, consent = false }) {
  if (file.size > MOST_BYTES) throw new Error(`${file.name} is larger than ${MOST_BYTES / 1e6} MB.`);
  const headers = {
    "X-Ticket": ticket,
    "X-Filename": encodeURIComponent(file.name.slice(-60)),
    "X-Consent": consent ? "yes" : "no",
  };
  let answer;
  try {
    answer = await fetch(`${base}/upload/${sort}`, { method: "POST", body: file, headers });
  } catch {
    throw new Error(`${file.name} could not be sent.`);
  }
  const { name, remark, error } = await answer.json();
  if (error) throw new Error(error);
  return { name, remark };
}

/** Let the browser save a blob. */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
