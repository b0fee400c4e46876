package attempt

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/penstock/penstock/launcher/internal/badproxy"
	"github.com/penstock/penstock/launcher/internal/s3test"
)

func object(t *testing.T, server *s3test.Server, key string) string {
	t.Helper()
	out, err := server.Client().GetObject(context.Background(), &s3.GetObjectInput{Bucket: aws.String(s3test.Bucket), Key: &key})
	if err != nil {
		return "(" + err.Error() + ")"
	}
	defer out.Body.Close()
	text, _ := io.ReadAll(out.Body)
	return string(text)
}

func putObject(t *testing.T, server *s3test.Server, key, text string) {
	t.Helper()
	_, err := server.Client().PutObject(context.Background(), &s3.PutObjectInput{Bucket: aws.String(s3test.Bucket), Key: &key,
		Body: bytes.NewReader([]byte(text))})
	if err != nil {
		t.Fatal(err)
	}
}

func (l *launch) input(name, uri string) string {
	path := filepath.Join(l.dir, "in", name)
	l.request.Inputs = append(l.request.Inputs, Input{Name: name, Need: NeedFetched, URI: uri, Path: path})
	return path
}

func TestInputsAreBroughtAndOutputsKept(t *testing.T) {
	server := s3test.Start(t)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/data.csv", http.StatusFound)
		case "/data.csv":
			fmt.Fprint(w, "from the web")
		default:
			http.NotFound(w, r)
		}
	}))
	defer web.Close()
	putObject(t, server, "file", "from a store")
	putObject(t, server, "folder/a", "A")
	putObject(t, server, "folder/b/c", "C")
	l := newLaunch(t, `cat in/file in/folder/a in/folder/b/c in/web in/here/x; echo text > out/text; mkdir -p out/model/deep; echo m > out/model/deep/m;
		mkdir custom; echo c > custom/c; echo '{"artifacts":{"special":{"artifacts":[{"name":"special","customPath":"custom"}]}}}' > report`)
	here := filepath.Join(l.dir, "local dir")
	if err := os.MkdirAll(here, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(here+"/x", []byte("from here"), 0o666); err != nil {
		t.Fatal(err)
	}
	l.withStore(server.Address).withOutputs("run/out")
	l.request.Outputs.ExecutorOutput = filepath.Join(l.dir, "report")
	l.request.Outputs.Declared = []Declared{{"text", l.request.Outputs.Directory + "/text", uriOf("run/out/text")}, {"absent", l.request.Outputs.Directory + "/absent", uriOf("run/out/absent")}}
	l.input("file", uriOf("file"))
	l.input("folder", uriOf("folder"))
	l.input("web", web.URL+"/moved?signature=secret")
	l.input("here", here)
	l.request.Log = &Log{Path: filepath.Join(l.dir, "log"), URI: uriOf("run/log")}
	if err := os.WriteFile(l.request.Log.Path, []byte("what was said"), 0o666); err != nil {
		t.Fatal(err)
	}
	for range 2 { // again where all is there already
		_ = os.RemoveAll(filepath.Join(l.dir, "custom"))
		if code := l.run(); code != 0 || l.out.String() != "from a storeACfrom the webfrom here" {
			t.Fatalf("exit code %d, %q, %s", code, l.out.String(), l.err.String())
		}
	}
	for _, line := range []string{"penstock: fetched 12 bytes from " + uriOf("file"), "penstock: fetched 12 bytes from " + web.URL + "/data.csv\n", "penstock: copied " + here} {
		if !strings.Contains(l.err.String(), line) {
			t.Errorf("%q lacks %q", l.err.String(), line)
		}
	}
	for key, want := range map[string]string{"run/out/text": "text\n", "run/out/model/deep/m": "m\n", "run/out/special/c": "c\n", "run/log": "what was said"} {
		if got := object(t, server, key); got != want {
			t.Errorf("%s is %q", key, got)
		}
	}
	result := l.result()
	if len(result) != 3 || result[uriOf("run/out/text")].SizeBytes != 5 || result[uriOf("run/out/special")].Path != filepath.Join(l.dir, "custom") {
		t.Errorf("%+v", result)
	}
	if result[uriOf("run/out/text")].SHA256 != "b9e68e1bea3e5b19ca6b2f98b73a54b73daafaa250484902e09982e07a12e733" {
		t.Errorf("%+v", result[uriOf("run/out/text")])
	}
}

func TestWhatCannotBeBroughtFailsTheAttempt(t *testing.T) {
	server := s3test.Start(t)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/loop" {
			http.Redirect(w, r, "/loop", http.StatusFound)
			return
		}
		http.NotFound(w, r)
	}))
	defer web.Close()
	putObject(t, server, "file", "text")
	for name, c := range map[string]struct {
		input Input
		words string
	}{
		"status":    {Input{URI: web.URL + "/none?signature=secret", Need: NeedFetched}, "The content of input 'data' is not to be had: " + web.URL + "/none?... could not be fetched: the server answers with status 404"},
		"user":      {Input{URI: strings.Replace(web.URL, "://", "://me:secret@", 1) + "/none", Need: NeedFetched}, "status 404"},
		"loop":      {Input{URI: web.URL + "/loop", Need: NeedFetched}, "was redirected more than 10 times"},
		"nobody":    {Input{URI: "http://127.0.0.1:1/data.csv", Need: NeedFetched}, "could not be fetched"},
		"no object": {Input{URI: uriOf("none"), Need: NeedFetched}, "GetObject of " + uriOf("none") + " failed: the store says NoSuchKey"},
		"wanted":    {Input{URI: uriOf("file"), Need: NeedWanted, SHA256: strings.Repeat("0", 64)}, "has other content than was recorded"},
		"hash":      {Input{URI: uriOf("file"), Need: NeedFetched, SHA256: strings.Repeat("0", 64)}, uriOf("file") + " has other content than was recorded: its SHA-256 is 982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1, and should be 0000"},
		"present":   {Input{URI: "s3://bucket/data.csv", Need: NeedPresent, Path: "/s3/bucket/data.csv"}, "the server knows no store for it, by its --stores file or by credentials in its environment, and nothing is mounted at /s3/bucket/data.csv. Its URI can be used"},
		"scheme":    {Input{URI: "hdfs://host/x", Need: NeedPresent, Path: "hdfs://host/x"}, "only http://, https://, objects in stores and files of this machine"},
		"path":      {Input{URI: "/no/such/file", Need: NeedFetched}, "there is no /no/such/file on this machine"},
		"relative":  {Input{URI: "data.csv", Need: NeedPresent, Path: "data.csv"}, "neither a URI with a scheme nor an absolute path"},
	} {
		l := newLaunch(t, "touch ran").withStore(server.Address)
		c.input.Name = "data"
		if c.input.Path == "" {
			c.input.Path = filepath.Join(l.dir, "in/data")
		}
		l.request.Inputs = []Input{c.input}
		if code := l.run(); code != ExitFailed || !strings.Contains(l.file(ErrorFile), c.words) || !strings.Contains(l.err.String(), "penstock: "+l.file(ErrorFile)) {
			t.Errorf("%s: exit code %d, %s, %s", name, code, l.file(ErrorFile), l.err.String())
		}
		if strings.Contains(l.err.String(), "secret") || l.has("ran") || l.has(StartedFile) || l.has("in/data") || l.has("in/data.part") {
			t.Errorf("%s: %s", name, l.err.String())
		}
	}
	wanted := newLaunch(t, "touch ran").withStore(server.Address)
	wanted.request.Inputs = []Input{{Name: "data", Need: NeedWanted, URI: uriOf("none"), Path: filepath.Join(wanted.dir, "in/data")}}
	if code := wanted.run(); code != 0 || !wanted.has("ran") || wanted.has("in/data") {
		t.Errorf("without content: exit code %d, %s", code, wanted.err.String())
	}
	l := newLaunch(t, "touch ran")
	l.request.Inputs = []Input{{Name: "data", Need: NeedPresumed, URI: "gs://b/k", Path: "/gcs/b/k"}}
	if code := l.run(); code != 0 || !strings.Contains(l.file(NotesFile), "nothing is mounted at /gcs/b/k. Its URI can be used.\n") || !l.has("ran") {
		t.Errorf("exit code %d, %s", code, l.file(NotesFile))
	}
}

func TestOutputsThatCannotBeKept(t *testing.T) {
	server := s3test.Start(t)
	proxy := badproxy.Start(t, server.Address)
	proxy.Decide(func(r *http.Request) badproxy.Bad {
		if strings.Contains(r.URL.Path, "/out/") {
			return badproxy.Bad{Status: 403, Code: "AccessDenied"}
		}
		return badproxy.Bad{}
	})
	l := newLaunch(t, "echo x > out/x").withStore(proxy.Address).withOutputs("run/out")
	l.request.Log = &Log{Path: filepath.Join(l.dir, "log"), URI: uriOf("run/log")}
	_ = os.WriteFile(l.request.Log.Path, []byte("said"), 0o666)
	if code := l.run(); code != ExitFailed || !strings.Contains(l.file(ErrorFile), "PutObject of "+uriOf("run/out/x")+" failed: the store says AccessDenied") || l.has(ResultFile) {
		t.Errorf("exit code %d, %s", code, l.file(ErrorFile))
	}
	if got := object(t, server, "run/log"); got != "said" {
		t.Errorf("the log is %q", got)
	}
	proxy.Decide(func(r *http.Request) badproxy.Bad { return badproxy.Bad{Status: 403} })
	l.request.Command = []string{"sh", "-c", "rm -r out; exit 4"}
	if code := l.run(); code != 4 || !strings.Contains(l.err.String(), "the log is not kept at "+uriOf("run/log")) {
		t.Errorf("exit code %d, %s", code, l.err.String())
	}
}

func TestToldToEndItEndsSoon(t *testing.T) {
	server := s3test.Start(t)
	proxy := badproxy.Start(t, server.Address)
	for _, method := range []string{"GET", "PUT"} {
		asked := make(chan struct{}, 100)
		proxy.Decide(func(r *http.Request) badproxy.Bad {
			if r.Method == method && strings.Contains(r.URL.Path, "/held/") {
				asked <- struct{}{}
				return badproxy.Bad{Never: true}
			}
			return badproxy.Bad{}
		})
		putObject(t, server, "held/in", "text")
		l := newLaunch(t, "touch ran; echo x > out/x").withStore(proxy.Address).withOutputs("held/out")
		path := l.input("in", uriOf("held/in"))
		l.start()
		<-asked
		s3test.Until(t, "the progress to be told", func() bool { return strings.Contains(l.file(ProgressFile), " files") })
		_ = l.command.Process.Signal(syscall.SIGTERM)
		if code := l.end(); code != 143 || l.has(ProgressFile) || l.has(ErrorFile) || l.has(ResultFile) {
			t.Errorf("%s: exit code %d, %s", method, code, l.err.String())
		}
		if _, err := os.Stat(path); (err == nil) != (method == "PUT") || l.has("in/in.part") {
			t.Errorf("%s: %v", method, err)
		}
	}
}

func TestKilledAnywhereItRunsAgain(t *testing.T) {
	server := s3test.Start(t)
	proxy := badproxy.Start(t, server.Address)
	large := make([]byte, 66<<20)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(large)
	putObject(t, server, "large", string(large))
	const last = 100
	for killAt := 1; killAt <= last; killAt += 1 + killAt/3 {
		l := newLaunch(t, "cp in/large out/large; mkdir -p out/dir; echo small > out/dir/small").withStore(proxy.Address).withOutputs(fmt.Sprintf("run-%d/out", killAt))
		l.request.Outputs.RootURI = uriOf(fmt.Sprintf("root-%d", killAt))
		path := l.input("large", uriOf("large"))
		count := 0
		var mutex sync.Mutex
		proxy.Decide(func(*http.Request) badproxy.Bad {
			mutex.Lock()
			defer mutex.Unlock()
			if count++; count == killAt {
				_ = l.command.Process.Kill()
			}
			return badproxy.Bad{}
		})
		mutex.Lock() // until the process is known
		l.start()
		mutex.Unlock()
		killed := l.end() == -9
		if killed && l.has(ResultFile) {
			t.Errorf("killed at call %d: there is a result", killAt)
		}
		if info, err := os.Stat(path); err == nil && info.Size() != int64(len(large)) {
			t.Errorf("killed at call %d: half an input is taken for whole", killAt)
		}
		if got := object(t, server, fmt.Sprintf("run-%d/out/large", killAt)); !strings.HasPrefix(got, "(") && got != string(large) {
			t.Errorf("killed at call %d: half an output is taken for whole", killAt)
		}
		proxy.Decide(nil)
		if code := l.run(); code != 0 || len(l.result()) != 2 {
			t.Fatalf("killed at call %d, again: exit code %d, %s", killAt, code, l.err.String())
		}
		if got := object(t, server, fmt.Sprintf("run-%d/out/large", killAt)); got != string(large) {
			t.Errorf("killed at call %d: the output is another", killAt)
		}
		if !killed {
			return // it makes no more calls
		}
	}
}

func TestTheLogIsKeptToItsEnd(t *testing.T) {
	server := s3test.Start(t)
	l := newLaunch(t, "echo the last words; exit 6").withStore(server.Address)
	l.request.Log = &Log{Path: filepath.Join(l.dir, "log"), URI: uriOf("run/log")}
	log, err := os.Create(l.request.Log.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	// A supervisor that is slow to read.
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	l.prepare()
	l.command.Stdout = writer
	if err := l.command.Start(); err != nil {
		t.Fatal(err)
	}
	writer.Close()
	s3test.Until(t, "the command to end", func() bool {
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", l.command.Process.Pid, l.command.Process.Pid))
		return l.has(StartedFile) && (err != nil || len(children) == 0)
	})
	_, _ = io.Copy(log, reader)
	if code := l.end(); code != 6 {
		t.Errorf("exit code %d, %s", code, l.err.String())
	}
	if got := object(t, server, "run/log"); got != "the last words\n" {
		t.Errorf("the log is %q", got)
	}
}
