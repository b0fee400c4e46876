// Package limits holds every bound of the gateway, so that one place tells what it accepts.
package limits

import "time"

// Every bound of the gateway. Sizes are inclusive.
const (
	MaxRPCMessageBytes     = 64 << 20 // what the server accepts and sends in one message
	StreamWindowBytes      = 1 << 20  // what the server may send of an answer before it is taken in
	ConnectionWindowBytes  = 8 << 20  // and of all answers
	MaxJSONBodyBytes       = 64 << 20 // a package of the largest size as JSON fits
	DefaultMaxUploadBytes  = 32 << 20 // Kubeflow Pipelines' own bound
	LargestMaxUploadBytes  = 60 << 20 // leaves room for the other fields of the message
	MaxFileBytes           = 1 << 40  // of MLflow, which pass through
	FileChunkBytes         = 256 << 10
	MaxFilePathBytes       = 4096
	MaxBundleBytes         = 16 << 30 // of a run as a file, compressed
	BundleChunkBytes       = 256 << 10
	MaxWebMessageBytes     = 4 << 20 // of a call of gRPC-web, which names things and brings no content
	UploadEnvelopeBytes    = 1 << 20 // boundaries, part headers and small fields around the uploaded file
	MaxHeaderBytes         = 256 << 10
	MaxJSONDepth           = 100       // values nested in a JSON body
	MaxJSONValues          = 1_000_000 // in a JSON body; the server takes no larger pipeline
	MaxMessageNesting      = 100       // what the protobuf library of the server can read
	BodyMemoryFactor       = 4         // what a body takes until it is passed on: text, message, wire format and slack
	JSONValueMemoryBytes   = 160       // and each value of it
	AnswerMemoryFactor     = 4         // what an answer takes until it is sent: wire format and text
	AnswerFreeBytes        = 256 << 10 // an answer up to this size is not counted
	BodyStepBytes          = 16 << 10  // first step in which memory is taken for a body; the next ones double
	BodyStepBytesMax       = 1 << 20
	DefaultMemoryBytes     = 128 << 20 // for bodies and answers
	SmallestMemoryBytes    = 16 << 20
	RuntimeMemoryBytes     = 32 << 20         // besides what requests take
	MemoryLook             = 10 * time.Second // for a moment in which memory can be given back
	MemoryWait             = 2 * time.Minute  // for memory
	MemoryHurry            = 15 * time.Second // for the body of the one request for which all others wait
	MaxDrainBytes          = 256 << 20        // of a refused body
	DrainTimeout           = time.Minute
	ResponseSliceBytes     = 256 << 10
	MaxConnections         = 2048
	MaxSurplusConnections  = 256 // beyond those: only health and metrics are served there, the rest is refused
	MaxCalls               = 512 // of the server at once, streams not counted; health and metrics have their own
	MaxHealthCalls         = 64
	MaxPassedCalls         = 256     // of gRPC, through the gateway
	MaxConcurrentStreams   = 100     // requests on one connection of HTTP/2
	MaxReads               = 128     // logs and artifacts being read
	MaxFollowers           = 128     // logs being followed, for as long as they grow
	MaxWatches             = 1536    // runs and lists being watched, for as long as they change
	MaxFolderEntries       = 100_000 // of an artifact that is sent as an archive
	MaxFolderDepth         = 64
	MaxFileReads           = 128 // files of MLflow being read
	MaxFileWrites          = 64  // and written
	AddressShare           = 4   // one address may have all of these but one in so many
	ReadHeaderTimeout      = 10 * time.Second
	BodyProgressTimeout    = 30 * time.Second // between two reads of a body
	BodyTimeout            = 10 * time.Minute // for all of a body
	MinBodyRate            = 16 << 10         // bytes a second that a body has to bring, and an answer to take
	RateGrace              = 10 * time.Second // that either may be late
	WriteByteTimeout       = 30 * time.Second // without one byte of what a connection of HTTP/2 has to take
	RefusalTimeout         = 2 * time.Second  // to take the answer of a connection that is not served
	IdleTimeout            = 2 * time.Minute
	UnaryTimeout           = 3 * time.Minute // longer than the server lets a call wait for memory, which it then says
	HealthTimeout          = 5 * time.Second
	MetricsTimeout         = 3 * time.Second
	DefaultShutdownGrace   = 5 * time.Second
	ConnectTimeout         = 2 * time.Second
	ReconnectDelayLongest  = time.Second
	ReconnectDelayShortest = 100 * time.Millisecond
	// The server's gRPC library hangs up on clients that ping more often than every five minutes.
	KeepaliveInterval = 6 * time.Minute
	KeepaliveTimeout  = 20 * time.Second
	MaxQuotedBytes    = 512 // of a text from a client, in an error or a log line
)

// Shortened is text up to MaxQuotedBytes, and what follows is "..." if there was more.
func Shortened(text string) string {
	if len(text) > MaxQuotedBytes {
		return text[:MaxQuotedBytes] + "..."
	}
	return text
}
