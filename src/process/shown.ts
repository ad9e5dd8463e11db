// Passes on what all rooms share.
export { hidesAnything, shownUrl } from "../shown.js";
