package grpcweb

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock/penstock/gateway/limits"
)

// A frame is a byte of flags, its length in four bytes, and its content.
const (
	frameHeaderBytes = 5
	messageFrame     = 0
	compressedFlag   = 1
	trailerFrame     = 0x80
)

// onlyMessage takes a unary request apart.
func onlyMessage(body []byte) ([]byte, error) {
	if len(body) == 0 {
		return nil, status.Error(codes.InvalidArgument, "The request has no message.")
	}
	if len(body) < frameHeaderBytes {
		return nil, cutFrame(len(body))
	}
	flags, length, rest := body[0], binary.BigEndian.Uint32(body[1:]), body[frameHeaderBytes:]
	switch {
	case flags == compressedFlag:
		return nil, status.Error(codes.Unimplemented, "The message is compressed, which is not supported here.")
	case flags != messageFrame:
		return nil, status.Errorf(codes.InvalidArgument, "The first frame of the request is no message: its flags are %#02x.", flags)
	case length > limits.MaxWebMessageBytes:
		return nil, tooLong()
	case int(length) > len(rest):
		return nil, cutFrame(len(body))
	case int(length) < len(rest):
		return nil, status.Errorf(codes.InvalidArgument,
			"The request goes on for %d bytes after its message: a call has one.", len(rest)-int(length))
	}
	return rest, nil
}

func cutFrame(size int) error {
	return status.Errorf(codes.InvalidArgument, "The request ends after %d bytes, within its message.", size)
}

func tooLong() error {
	return status.Errorf(codes.ResourceExhausted,
		"The message is longer than %d bytes, the most that is accepted over gRPC-web.", limits.MaxWebMessageBytes)
}

func appendFrame(to []byte, flags byte, content []byte) []byte {
	to = binary.BigEndian.AppendUint32(append(to, flags), uint32(len(content)))
	return append(to, content...)
}

// trailers are headers of HTTP/1 in a frame.
func trailers(st *status.Status) []byte {
	return fmt.Appendf(nil, "grpc-status:%d\r\ngrpc-message:%s\r\n", st.Code(), percentEncoded(st.Message()))
}

// percentEncoded leaves what gRPC leaves as it is.
func percentEncoded(text string) []byte {
	const hex = "0123456789ABCDEF"
	out := make([]byte, 0, len(text))
	for _, c := range []byte(text) {
		if c >= ' ' && c <= '~' && c != '%' {
			out = append(out, c)
		} else {
			out = append(out, '%', hex[c>>4], hex[c&15])
		}
	}
	return out
}

func encodeText(body []byte) []byte {
	return base64.StdEncoding.AppendEncode(make([]byte, 0, base64.StdEncoding.EncodedLen(len(body))), body)
}

// decodeText reads base64 that may be padded in several places, as a client may encode one piece after the other.
func decodeText(text []byte) ([]byte, error) {
	body := make([]byte, 0, base64.StdEncoding.DecodedLen(len(text)))
	for len(text) > 0 {
		piece := text
		if padding := bytes.IndexByte(text, '='); padding >= 0 {
			piece = text[:min(len(text), padding/4*4+4)]
		}
		var err error
		if body, err = base64.StdEncoding.AppendDecode(body, piece); err != nil {
			return nil, status.Error(codes.InvalidArgument, "The request is not base64, as its content type says: "+err.Error())
		}
		text = text[len(piece):]
	}
	return body, nil
}
