package main

import "time"

// Every bound of the gateway. Sizes are inclusive.
const (
	maxRPCMessageBytes     = 64 << 20 // what the server accepts and sends in one message
	streamWindowBytes      = 1 << 20  // what the server may send of an answer before it is taken in
	connectionWindowBytes  = 8 << 20  // and of all answers
	maxJSONBodyBytes       = 64 << 20 // a package of the largest size as JSON fits
	defaultMaxUploadBytes  = 32 << 20 // Kubeflow Pipelines' own bound
	largestMaxUploadBytes  = 60 << 20 // leaves room for the other fields of the message
	uploadEnvelopeBytes    = 1 << 20  // boundaries, part headers and small fields around the uploaded file
	maxHeaderBytes         = 256 << 10
	maxJSONDepth           = 100       // values nested in a JSON body
	maxJSONValues          = 1_000_000 // in a JSON body; the server takes no larger pipeline
	maxMessageNesting      = 100       // what the protobuf library of the server can read
	largeBodyBytes         = 1 << 20   // bodies above this, or of unknown size, share maxLargeBodies slots
	maxDrainBytes          = 256 << 20 // of a refused body
	drainTimeout           = time.Minute
	responseSliceBytes     = 256 << 10
	maxConnections         = 2048
	maxRequests            = 512 // in work at once, streams not counted
	maxStreams             = 128 // logs and artifacts
	maxLargeBodies         = 4
	largeBodyWait          = 30 * time.Second
	readHeaderTimeout      = 10 * time.Second
	bodyProgressTimeout    = 30 * time.Second // between two reads of a body
	bodyTimeout            = 10 * time.Minute // for all of a body
	responseSliceTimeout   = time.Minute      // for a client to take one slice of the answer
	idleTimeout            = 2 * time.Minute
	unaryTimeout           = 2 * time.Minute
	healthTimeout          = 5 * time.Second
	metricsTimeout         = 3 * time.Second
	defaultShutdownGrace   = 5 * time.Second
	connectTimeout         = 2 * time.Second
	reconnectDelayLongest  = time.Second
	reconnectDelayShortest = 100 * time.Millisecond
	// The server's gRPC library hangs up on clients that ping more often than every five minutes.
	keepaliveInterval = 6 * time.Minute
	keepaliveTimeout  = 20 * time.Second
)
