# Prints a Makefile's targets with their `## text`, below the `##@ heading` they stand under.
BEGIN {
  FS = ":.*## "
  print "\n  Invigil: a media server for live remote proctoring"
}
/^##@ / { printf "\n  %s\n", substr($0, 5) }
/^[a-z-]+:.*## / { printf "    make %-12s %s\n", $1, $2 }
END {
  print "\n  Ports and secrets come from the environment: GATEWAY_PORT=9000 make run"
  print "  Candidates wait to be let in:  WAITING=1 make run"
  print "  Ask a running worker:  grpcurl -plaintext localhost:50051 list\n"
}
