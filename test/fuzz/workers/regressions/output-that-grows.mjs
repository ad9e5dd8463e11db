// A megabyte that takes six as JSON: more than D1 takes as a value, which ended the instance.
export default {
  fetch(request) {
    if (!request.url.includes("/66/")) return Response.json("fine");
    return new Response("\0".repeat(1_000_000));
  },
};
