package transfer

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/penstock/penstock/launcher/internal/badproxy"
	"github.com/penstock/penstock/launcher/internal/s3test"
)

func TestSumsOfParts(t *testing.T) {
	text := strings.Repeat("0123456789", 5)
	for _, piece := range []int{1, 7, 20, 50} {
		sums := &partSums{partBytes: 20}
		for rest := text; rest != ""; {
			n, _ := sums.Write([]byte(rest[:min(piece, len(rest))]))
			rest = rest[n:]
		}
		for number, part := range []string{text[:20], text[20:40], text[40:], ""} {
			want := base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(part))))
			if got := sums.of(int64(number)); got != want {
				t.Errorf("pieces of %d, part %d: %s is not %s", piece, number, got, want)
			}
		}
	}
}

// Each kind of store has the bytes of parts checked, one way or the other.
func TestPartsThatArriveAsOthersAreSentAgain(t *testing.T) {
	server := s3test.Start(t)
	proxy := badproxy.Start(t, server.Address)
	tr := transfers(t, proxy.Address)
	path := filepath.Join(t.TempDir(), "file")
	isPart := isMethod("PUT", "partNumber=")
	for _, knowsChecksums := range []bool{true, false} {
		sum := noise(t, path, 70<<20)
		var others, unsigned atomic.Int64
		proxy.Decide(func(r *http.Request) badproxy.Bad {
			if !knowsChecksums && r.Header.Get("X-Amz-Checksum-Algorithm") != "" {
				return badproxy.Bad{Status: 501, Code: "NotImplemented"}
			}
			if isPart(r) && r.Header.Get("X-Amz-Content-Sha256") == "UNSIGNED-PAYLOAD" {
				unsigned.Add(1)
			}
			return badproxy.Bad{OtherUp: isPart(r) && others.Add(1) <= 2}
		})
		put(t, tr, path, at(t, "file"))
		if (unsigned.Load() > 0) != knowsChecksums {
			t.Errorf("%t: %d parts come without a hash in their signature", knowsChecksums, unsigned.Load())
		}
		if others.Load() <= 2 {
			t.Errorf("%t: parts that were spoilt were not sent again", knowsChecksums)
		}
		get(t, tr, at(t, "file"), path+".back", sum)
	}
}

func TestAStoreThatKnowsChecksumsByHalves(t *testing.T) {
	server := s3test.Start(t)
	proxy := badproxy.Start(t, server.Address)
	tr := transfers(t, proxy.Address)
	path := filepath.Join(t.TempDir(), "file")
	for _, refused := range []struct{ method, part, header string }{
		{"PUT", "partNumber=", "X-Amz-Checksum-Crc32"}, {"POST", "uploads", "X-Amz-Checksum-Algorithm"}} {
		sum := noise(t, path, 70<<20)
		proxy.Decide(func(r *http.Request) badproxy.Bad {
			if isMethod(refused.method, refused.part)(r) && r.Header.Get(refused.header) != "" {
				return badproxy.Bad{Status: 400, Code: "InvalidRequest"}
			}
			return badproxy.Bad{}
		})
		put(t, tr, path, at(t, "file"))
		get(t, tr, at(t, "file"), path+".back", sum)
	}
}
