/** Take a photo from the visitor, show it, and make it smaller. */

import { find } from "./elements.js";

const SMALLER = 2048; // pixels of the longer side: more than the model reads
const THUMBNAIL = 160;

/** Listen for photos that are chosen, taken, pasted or dropped. @param {(photo: File) => void} given called with each photo */
export function listen(given) {
  const offer = (/** @type {FileList | undefined | null} */ files) => {
    if (files?.length) given(files[0]);
  };
  for (const [button, input] of [["choose", "file"], ["take", "camera"]]) {
    find(button).addEventListener("click", () => find(input).click());
    find(input).addEventListener("change", () => {
      offer(find(input).files);
      find(input).value = ""; // so that the visitor can choose the same file again
    });
  }
  document.addEventListener("paste", (event) => offer(event.clipboardData?.files));
  for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
    document.addEventListener(name, (event) => {
      event.preventDefault();
      find("drop").classList.toggle("over", name === "dragenter" || name === "dragover");
    });
  }
  document.addEventListener("drop", (event) => offer(event.dataTransfer?.files));
}

/** Show the photo, or a text if this browser cannot. @param {Blob} photo */
export async function show(photo) {
  const preview = find("preview");
  URL.revokeObjectURL(preview.src);
  preview.src = URL.createObjectURL(photo);
  const isShown = await preview.decode().then(() => true, () => false);
  preview.hidden = !isShown;
  find("no-preview").hidden = isShown;
  find("drop").classList.add("full");
}

/**
 * Draw a box around the part of the photo that the answer is of, or none.
 * @param {{ left: number, top: number, width: number, height: number } | null} [crop] in shares of the upright photo
 */
export function mark(crop) {
  const box = find("crop");
  box.hidden = !crop || find("preview").hidden;
  for (const [side, share] of Object.entries(crop ?? {})) box.style.setProperty(side, `${100 * share}%`);
}

/**
 * Draw an upright, smaller copy. It has no EXIF, so no place.
 * @param {Blob} photo
 * @param {number} longest most pixels of its longer side
 */
async function scaled(photo, longest) {
  const picture = await createImageBitmap(photo);
  const scale = Math.min(1, longest / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(picture.width * scale);
  canvas.height = Math.round(picture.height * scale);
  canvas.getContext("2d")?.drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  return canvas;
}

/** Return a JPEG copy that is small enough for any server. @param {Blob} photo @returns {Promise<Blob>} */
export async function shrink(photo) {
  const canvas = await scaled(photo, SMALLER);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no JPEG"))), "image/jpeg", 0.9);
  });
}

/** Return a thumbnail as a data URL, or "" if this browser cannot read the photo. @param {Blob} photo */
export async function thumbnail(photo) {
  try {
    return (await scaled(photo, THUMBNAIL)).toDataURL("image/jpeg", 0.7);
  } catch {
    return "";
  }
}
