-- Posts the same step again and again; the server makes each a new id.
wrk.method = "POST"

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    "\n@ %d %d %d %d %d\n",
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status + errors.connect + errors.read + errors.write + errors.timeout
  ))
end
