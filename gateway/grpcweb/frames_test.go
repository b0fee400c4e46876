package grpcweb

import (
	"bytes"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestPercentEncoding(t *testing.T) {
	for text, want := range map[string]string{"": "", "a b~": "a b~", "100%\r\n": "100%25%0D%0A", "\u00fc\x7f": "%C3%BC%7F"} {
		if got := percentEncoded(text); string(got) != want {
			t.Errorf("%q: %s", text, got)
		}
	}
}

func TestTextInPieces(t *testing.T) {
	for text, want := range map[string]string{"": "", "YQ==": "a", "YQ==YWI=YWJj": "aababc", "YWJjYQ==": "abca"} {
		if got, err := decodeText([]byte(text)); err != nil || string(got) != want {
			t.Errorf("%s: %q %v", text, got, err)
		}
	}
	for _, text := range []string{"Y", "YQ", "YQ=", "=", "====", "Y===", "YQ==x", "Y*==", "YQ=="[:3] + "x"} {
		if got, err := decodeText([]byte(text)); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s: %q %v", text, got, err)
		}
	}
}

// Whatever comes, it is one whole message or an error that says what is wrong.
func FuzzFrames(f *testing.F) {
	for _, seed := range []string{"", "\x00\x00\x00\x00\x00", "\x00\x00\x00\x00\x01x", "AAAAAAA=", "AAA=AAA=", "\x01\x00\x00\x00\x01x"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		decoded, err := decodeText(encodeText(body))
		if err != nil || !bytes.Equal(decoded, body) {
			t.Fatalf("%q %v", decoded, err)
		}
		_, _ = decodeText(body)
		message, err := onlyMessage(body)
		switch status.Code(err) {
		case codes.OK:
			if !bytes.Equal(appendFrame(nil, messageFrame, message), body) {
				t.Errorf("%q", message)
			}
		case codes.InvalidArgument, codes.ResourceExhausted, codes.Unimplemented:
		default:
			t.Error(err)
		}
	})
}
