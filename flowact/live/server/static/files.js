// Files that leave the page and files that come out of it.

const MOST_BYTES = 40_000_000; // the server's bound too; said here before anything is sent

/** Send a file to an address of the session interface; resolve to what it answers. */
export async function send(address, file, token) {
  if (file.size > MOST_BYTES) throw new Error(`${file.name} is larger than ${MOST_BYTES / 1e6} MB.`);
  const headers = {
    Authorization: `Bearer ${token}`,
    "X-Filename": encodeURIComponent(file.name.slice(-60)),
  };
  let answer;
  try {
    answer = await fetch(address, { method: "POST", body: file, headers });
  } catch {
    throw new Error(`${file.name} could not be sent.`);
  }
  const told = await answer.json();
  if (told.error) throw new Error(told.error.message);
  return told;
}

/** Let the browser save a blob. */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
