package main

import (
	"encoding/base64"
	"encoding/binary"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock/penstock/gateway/limits"
)

const webCall = "/ml_metadata.MetadataStoreService/GetArtifacts"

func webFrame(flags byte, content string) string {
	return string([]byte{flags}) + string(binary.BigEndian.AppendUint32(nil, uint32(len(content)))) + content
}

// webAnswer takes an answer apart: the messages, and the trailers, which stand last.
func webAnswer(t *testing.T, r reply) (messages []string, trailers map[string]string) {
	t.Helper()
	if r.code != 200 {
		t.Fatalf("%d %s", r.code, r.body)
	}
	body := []byte(r.body)
	if strings.HasPrefix(r.header.Get("Content-Type"), "application/grpc-web-text") {
		var err error
		if body, err = base64.StdEncoding.DecodeString(r.body); err != nil {
			t.Fatal(err)
		}
	}
	for len(body) > 0 {
		length := int(binary.BigEndian.Uint32(body[1:5]))
		content := string(body[5 : 5+length])
		switch body[0] {
		case 0:
			messages = append(messages, content)
		case 0x80:
			trailers = map[string]string{}
			for line := range strings.SplitSeq(strings.TrimSuffix(content, "\r\n"), "\r\n") {
				name, value, _ := strings.Cut(line, ":")
				trailers[name] = value
			}
			if len(body) > 5+length {
				t.Errorf("%q after the trailers", body[5+length:])
			}
		}
		body = body[5+length:]
	}
	return messages, trailers
}

func (r reply) expectWebStatus(t *testing.T, code codes.Code, contained string) {
	t.Helper()
	messages, trailers := webAnswer(t, r)
	if len(messages) > 0 || trailers["grpc-status"] != strconv.Itoa(int(code)) || !strings.Contains(trailers["grpc-message"], contained) {
		t.Errorf("%q %v, want %v", messages, trailers, code)
	}
}

func TestGRPCWebCalls(t *testing.T) {
	g, fake := startBoth(t)
	fake.other = func(method string, message []byte) ([]byte, error) {
		return []byte("\x0a\x03" + strings.ToUpper(string(message[2:]))), nil
	}
	message := webFrame(0, "\x0a\x03abc")
	base64Of := base64.StdEncoding.EncodeToString
	for kind, bodies := range map[string][]string{
		"application/grpc-web":                      {message},
		"application/grpc-web+proto":                {message},
		"application/grpc-web+proto; charset=utf-8": {message},
		"application/grpc-web-text": {base64Of([]byte(message)),
			base64Of([]byte(message[:5])) + base64Of([]byte(message[5:]))}, // padded in the middle
		"application/grpc-web-text+proto": {base64Of([]byte(message))},
	} {
		for _, body := range bodies {
			for _, client := range []*http.Client{http.DefaultClient, http2Client()} {
				r, _ := http.NewRequest("POST", g.url+webCall, strings.NewReader(body))
				r.Header.Set("Content-Type", kind)
				r.Header.Set("X-Grpc-Web", "1")
				r.Header.Set("Authorization", "Bearer b")
				response, err := client.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				text, _ := io.ReadAll(response.Body)
				response.Body.Close()
				answer := reply{response.StatusCode, response.Header, string(text)}
				messages, trailers := webAnswer(t, answer)
				if len(messages) != 1 || messages[0] != "\x0a\x03ABC" || trailers["grpc-status"] != "0" {
					t.Errorf("%s: %q %v", kind, messages, trailers)
				}
				isText := strings.Contains(kind, "-text")
				if got := answer.header.Get("Content-Type"); strings.Contains(got, "-text") != isText ||
					!strings.HasPrefix(got, "application/grpc-web") {
					t.Errorf("%s: answer of type %s", kind, got)
				}
			}
		}
	}
	method, _, md := fake.last()
	if method != webCall || len(md.Get("authorization")) != 1 {
		t.Errorf("%s %v", method, md)
	}
}

func http2Client() *http.Client {
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	return &http.Client{Transport: transport}
}

func TestGRPCWebOfNothing(t *testing.T) {
	g, fake := startBoth(t)
	fake.other = func(string, []byte) ([]byte, error) { return nil, nil }
	messages, trailers := webAnswer(t, g.web(webFrame(0, "")))
	if len(messages) != 1 || messages[0] != "" || trailers["grpc-status"] != "0" {
		t.Errorf("%q %v", messages, trailers)
	}
}

// web makes a call in the plain form.
func (g *testGateway) web(body string, headers ...string) reply {
	g.t.Helper()
	return g.do("POST", webCall, body, append([]string{"Content-Type", "application/grpc-web+proto"}, headers...)...)
}

func TestGRPCWebErrors(t *testing.T) {
	g, fake := startBoth(t)
	fake.other = func(string, []byte) ([]byte, error) { return nil, status.Error(codes.NotFound, "no 100% ü\n") }
	g.web(webFrame(0, "")).expectWebStatus(t, codes.NotFound, "no 100%25 %C3%BC%0A")
	fake.other = nil
	g.web(webFrame(0, "")).expectWebStatus(t, codes.Unimplemented, "")
	away := newTestGateway(t, "unix:"+t.TempDir()+"/nobody")
	away.web(webFrame(0, "")).expectWebStatus(t, codes.Unavailable, "cannot be reached")
}

func TestGRPCWebFrames(t *testing.T) {
	g, fake := startBoth(t)
	fake.other = func(_ string, message []byte) ([]byte, error) { return nil, nil }
	most := "\x0a" + string(binary.AppendUvarint(nil, limits.MaxWebMessageBytes-5)) + strings.Repeat("x", limits.MaxWebMessageBytes-5)
	for _, c := range []struct {
		body string
		code codes.Code
		text string
	}{
		{"", codes.InvalidArgument, "no message"},
		{"\x00", codes.InvalidArgument, "ends after 1 bytes"},
		{"\x00\x00\x00\x00", codes.InvalidArgument, "ends after 4 bytes"},
		{"\x00\x00\x00\x00\x02x", codes.InvalidArgument, "ends after 6 bytes"},
		{"\x00\xff\xff\xff\xffx", codes.ResourceExhausted, "4194304 bytes"},
		{"\x00\x00\x40\x00\x01", codes.ResourceExhausted, "4194304 bytes"},
		{webFrame(0, most+"x"), codes.ResourceExhausted, "4194304 bytes"},
		{strings.Repeat("\x00", 20<<20), codes.ResourceExhausted, "4194304 bytes"},
		{webFrame(1, "x"), codes.Unimplemented, "compressed"},
		{webFrame(0x80, "x: y\r\n"), codes.InvalidArgument, "no message"},
		{webFrame(0, "") + webFrame(0, ""), codes.InvalidArgument, "5 bytes after"},
		{webFrame(0, "") + webFrame(0x80, ""), codes.InvalidArgument, "5 bytes after"},
	} {
		g.web(c.body).expectWebStatus(t, c.code, c.text)
		text := base64.StdEncoding.EncodeToString([]byte(c.body))
		g.web(text, "Content-Type", "application/grpc-web-text").expectWebStatus(t, c.code, c.text)
	}
	if method, _, _ := fake.last(); method != "" {
		t.Errorf("%s reached the server", method)
	}
	g.web("AAA*", "Content-Type", "application/grpc-web-text").expectWebStatus(t, codes.InvalidArgument, "base64")
	g.web("AA=A", "Content-Type", "application/grpc-web-text").expectWebStatus(t, codes.InvalidArgument, "base64")
	if messages, trailers := webAnswer(t, g.web(webFrame(0, most))); len(messages) != 1 {
		t.Errorf("%v", trailers)
	}
}

func TestWhatIsNotServedOverGRPCWeb(t *testing.T) {
	g, fake := startBoth(t)
	kind := []string{"Content-Type", "application/grpc-web+proto"}
	for _, path := range []string{"/kubeflow.pipelines.backend.api.v2beta1.RunService/GetRun", "/mlflow.TrackingService/GetRun", "/",
		"/ml_metadata.MetadataStoreService/", "/ml_metadata.MetadataStoreService/a/b", "/ml_metadata.MetadataStoreService", "/apis/v2beta1/runs"} {
		g.do("POST", path, webFrame(0, ""), kind...).expectWebStatus(t, codes.Unimplemented, "not served over gRPC-web")
	}
	reply := g.do("GET", webCall, "", kind...)
	if reply.expect(t, 405); reply.header.Get("Allow") != "POST" {
		t.Errorf("%v", reply.header)
	}
	g.do("POST", webCall, "x", "Content-Type", "application/grpc-web+json").expect(t, 415)
	g.do("POST", webCall, "x", "Content-Type", "application/grpc-webby").expect(t, 415)
	g.do("POST", webCall, "x", "Content-Type", "application/json").expect(t, 404)
	if method, _, _ := fake.last(); method != "" {
		t.Errorf("%s reached the server", method)
	}
}

// Pages read metadata by it through a server of their own that puts another Host in place of its own. What browsers ask
// before they send such a call of a page of another origin is not allowed.
func TestPagesOfAnotherOriginOverGRPCWeb(t *testing.T) {
	g, fake := startBoth(t, "--allowed_hosts", "host.example")
	fake.other = func(string, []byte) ([]byte, error) { return nil, nil }
	if messages, trailers := webAnswer(t, g.web(webFrame(0, ""), "Origin", "http://ui.example:3000")); len(messages) != 1 {
		t.Errorf("%v", trailers)
	}
	g.web(webFrame(0, ""), "Origin", "http://evil.example", "Sec-Fetch-Site", "cross-site").expect(t, 403)
	g.web(webFrame(0, ""), "Origin", "http://evil.example", "Host", "evil.example").expect(t, 403)
	asked := g.do("OPTIONS", webCall, "", "Origin", "http://evil.example", "Access-Control-Request-Method", "POST",
		"Access-Control-Request-Headers", "content-type,x-grpc-web")
	for name := range asked.header {
		if strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("%s: %v", name, asked.header[name])
		}
	}
	if asked.code < 400 {
		t.Error(asked)
	}
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"} {
		g.do("POST", webCall, webFrame(0, ""), "Content-Type", kind, "Origin", "http://ui.example:3000").expect(t, 403)
	}
}
