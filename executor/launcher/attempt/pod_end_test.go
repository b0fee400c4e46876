package attempt

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/penstock/penstock/launcher/internal/badproxy"
	"github.com/penstock/penstock/launcher/internal/s3test"
	"github.com/penstock/penstock/launcher/limits"
)

// leaves has the command leave a text of the size that does not compress.
func leaves(t *testing.T, bytes int) (l *podLaunch, text string) {
	random := make([]byte, bytes/2)
	_, _ = rand.Read(random)
	l = newPod(t, "cp given out/p")
	l.request.Pod.Directories = []string{l.path("out")}
	l.request.Pod.Files = []File{{Path: l.path("given"), Text: []byte(hex.EncodeToString(random))}}
	l.request.Pod.ParameterFiles = []ParameterFile{{"p", l.path("out/p")}}
	return l, hex.EncodeToString(random)
}

func TestAResultThatFitsIsTheTermination(t *testing.T) {
	l, text := leaves(t, 100)
	if code := l.run(); code != 0 || l.termination().Result == nil || string(l.ended().ParameterFiles["p"]) != text {
		t.Errorf("exit code %d, %s", code, l.file("termination"))
	}
	l, _ = leaves(t, 100)
	long := strings.Repeat("text that compresses ", 400)
	l.request.Pod.Files[0].Text = []byte(long)
	if code := l.run(); code != 0 || l.termination().Gzipped == nil || string(l.ended().ParameterFiles["p"]) != long {
		t.Errorf("exit code %d, %s", code, l.file("termination"))
	}
}

func TestALargeResultGoesToTheStore(t *testing.T) {
	server := s3test.Start(t)
	l, text := leaves(t, 10_000)
	l.request.StoresFile = s3test.Settings(t, server.Address)
	l.request.Pod.ResultURI = uriOf("run/result")
	if code := l.run(); code != 0 || l.termination().ResultURI != uriOf("run/result") {
		t.Fatalf("exit code %d, %s", code, l.file("termination"))
	}
	if e := resultOf(t, []byte(object(t, server, "run/result"))).Ended; string(e.ParameterFiles["p"]) != text {
		t.Errorf("%+v", e)
	}
	// A store that is away for a moment.
	proxy := badproxy.Start(t, server.Address)
	proxy.Times(2, func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/again") }, badproxy.Bad{Status: 503, Code: "SlowDown"})
	l.request.StoresFile = s3test.Settings(t, proxy.Address)
	l.request.Pod.ResultURI = uriOf("run/again")
	if code := l.run(); code != 0 || l.termination().ResultURI != uriOf("run/again") {
		t.Errorf("exit code %d, %s", code, l.file("termination"))
	}
}

func TestALargeResultIsReportedIfNothingElseHoldsIt(t *testing.T) {
	t.Parallel()
	l, text := leaves(t, 10_000)
	d := openDoor(t, l)
	if code := l.run(); code != 0 || !l.termination().Reported {
		t.Errorf("exit code %d, %s", code, l.file("termination"))
	}
	if _, results := d.told(); len(results) != 1 || string(resultOf(t, results[0]).Ended.ParameterFiles["p"]) != text {
		t.Errorf("%d results", len(results))
	}
	// Often, if need be.
	d.answers(func(count int, w http.ResponseWriter) {
		if count < 4 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	if code := l.run(); code != 0 || !l.termination().Reported {
		t.Errorf("exit code %d, %s", code, l.file("termination"))
	}
	if _, results := d.told(); len(results) != 4 {
		t.Errorf("%d results", len(results))
	}
	// A store that refuses leaves the report.
	d.answers(nil)
	l.request.Pod.ResultURI = uriOf("result")
	l.request.StoresFile = s3test.Settings(t, "127.0.0.1:1")
	if code := l.run(); code != 0 || !l.termination().Reported {
		t.Errorf("exit code %d, %s", code, l.file("termination"))
	}
}

const tooLarge = "more than fit into a pod's termination message; give the run a pipeline root in an object store, or let pods reach the server (report)"

func TestALargeResultThatGoesNowhereFails(t *testing.T) {
	t.Parallel()
	l, _ := leaves(t, 10_000)
	if code := l.run(); code != ExitFailed || l.ended().ParameterFiles != nil || !strings.Contains(l.ended().Error, tooLarge) || l.ended().StartedAtUs == 0 {
		t.Errorf("exit code %d, %+v", code, l.ended())
	}
	// A door that refuses it is not asked again.
	d := openDoor(t, l)
	d.answers(func(_ int, w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) })
	if code := l.run(); code != ExitFailed || !strings.Contains(l.ended().Error, tooLarge) {
		t.Errorf("exit code %d, %+v", code, l.ended())
	}
	if _, results := d.told(); len(results) != 2 {
		t.Errorf("%d results", len(results))
	}
	// One that is away is asked until the grace is over.
	d.answers(func(_ int, w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) })
	l.request.Pod.GraceMs = 1
	l.start()
	s3test.Until(t, "several tries", func() bool { _, results := d.told(); return len(results) >= 4 })
	began := time.Now()
	_ = l.command.Process.Signal(syscall.SIGTERM)
	if code := l.end(); code != ExitFailed || !strings.Contains(l.ended().Error, tooLarge) || l.ended().Stopped || time.Since(began) > limits.StoppedEndTimeout+10*time.Second {
		t.Errorf("exit code %d after %v, %+v", code, time.Since(began), l.ended())
	}
}

func TestAFailureFitsWithLessOfItsLog(t *testing.T) {
	l := newPod(t, "head -c 9000 /dev/urandom; echo the last words; exit 3")
	began := time.Now()
	if code := l.run(); code != 3 || l.ended().ExitCode != 3 || l.ended().Error != "" {
		t.Errorf("exit code %d, %+v", code, l.ended())
	}
	if tail := string(l.ended().LogTail); !strings.HasSuffix(tail, "the last words\n") || len(tail) < 1000 || time.Since(began) > 10*time.Second {
		t.Errorf("%d bytes: %q", len(tail), tail)
	}
	// What the server needs of it goes before a store, which may be away.
	l.request.Command[2] = strings.Replace(l.request.Command[2], "head -c 9000 /dev/urandom", "head -c 400000 /dev/urandom | tr -dc 0-7 | head -c 9000", 1)
	l.request.Pod.ResultURI = uriOf("result")
	if code := l.run(); code != 3 || len(l.ended().LogTail) != limits.LogTailNeededBytes || !strings.HasSuffix(l.out.String(), string(l.ended().LogTail)) {
		t.Errorf("exit code %d, %s", code, l.out.String()[len(l.out.String())-500:])
	}
	l.request.Command[2] = strings.Replace(l.request.Command[2], "head -c 400000 /dev/urandom | tr -dc 0-7 | head -c 9000", "head -c 9000 /dev/urandom", 1)
	l.request.Pod.ResultURI = ""
	d := openDoor(t, l)
	if code := l.run(); code != 3 || !l.termination().Reported {
		t.Errorf("exit code %d, %s", code, l.file("termination"))
	}
	if _, results := d.told(); len(results) != 1 || len(resultOf(t, results[0]).Ended.LogTail) != limits.LogTailBytes {
		t.Errorf("%d results", len(results))
	}
	ended := Ended{Error: strings.Repeat("e", 9000), Notes: strings.Repeat("n", 9000), OutputsError: strings.Repeat("o", 9000), LogTail: []byte("x")}
	random := make([]byte, 9000)
	_, _ = rand.Read(random)
	ended.Notes = hex.EncodeToString(random)
	if text := last(ended); len(text) > TerminationBytes || !bytes.Contains(text, []byte("eeee")) {
		t.Errorf("%d bytes", len(text))
	}
}

func TestProgressIsReported(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	web := httptestServer(t, func(w http.ResponseWriter, _ *http.Request) { <-release; fmt.Fprint(w, "text") })
	l := newPod(t, "while [ ! -e go ]; do sleep 0.01; done")
	l.request.Inputs = []Input{{Name: "data", Need: NeedFetched, URI: web, Path: l.path("in/data")}}
	d := openDoor(t, l)
	l.start()
	s3test.Until(t, "the content to be told", func() bool {
		progress, _ := d.told()
		return len(progress) > 0 && strings.HasPrefix(progress[0].Content, "Fetching inputs: ") && !progress[0].Started
	})
	close(release)
	s3test.Until(t, "the start to be told", func() bool {
		progress, _ := d.told()
		return progress[len(progress)-1] == Progress{Started: true}
	})
	_ = os.WriteFile(l.path("go"), nil, 0o666)
	if code := l.end(); code != 0 || l.ended().ExitCode != 0 {
		t.Errorf("exit code %d", code)
	}
	if _, results := d.told(); len(results) != 1 || resultOf(t, results[0]).Ended.ExitCode != 0 {
		t.Errorf("%s", results)
	}
	for i := 1; i < len(d.times); i++ {
		if apart := d.times[i].Sub(d.times[i-1]); apart < limits.ProgressInterval-50*time.Millisecond {
			t.Errorf("told again after %v", apart)
		}
	}
}

func TestADoorThatMisbehavesHoldsNothingUpForLong(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	failing := httptestServer(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	for name, url := range map[string]string{"away": "http://127.0.0.1:1", "silent": "http://" + silent.Addr().String(), "failing": failing, "nonsense": "::"} {
		l := newPod(t, "echo text; exit 3")
		l.request.Pod.Report = &Report{URL: url, ID: "x", Token: "secret"}
		began := time.Now()
		if code := l.run(); code != 3 || l.ended().ExitCode != 3 || time.Since(began) > limits.ResultPostTimeout+5*time.Second {
			t.Errorf("%s: exit code %d after %v, %+v", name, code, time.Since(began), l.ended())
		}
		if !strings.Contains(l.out.String(), "penstock: the end of the attempt cannot be reported: ") || strings.Contains(l.out.String(), "secret") {
			t.Errorf("%s: %s", name, l.out.String())
		}
	}
}

func TestARequestOfAnotherVersionIsRefused(t *testing.T) {
	l := newPod(t, "touch ran")
	text, _ := json.Marshal(l.request)
	newer := packed(bytes.Replace(text, []byte(`"state_dir"`), []byte(`"new_field":1,"state_dir"`), 1))
	path := l.path("termination")
	for name, c := range map[string]struct {
		chunks []string
		words  []string
	}{
		"newer":      {[]string{newer}, []string{`the field "new_field"`, "it is of version 1.2.3"}},
		"no pod":     {[]string{packed([]byte(`{"command":["x"]}`))}, []string{"it says nothing of a pod", "version 1.2.3"}},
		"no command": {[]string{packed(fmt.Appendf(nil, `{"pod":{"termination_path":%q}}`, path))}, []string{"it has no command"}},
		"relative":   {[]string{packed(fmt.Appendf(nil, `{"command":["x"],"pod":{"termination_path":%q,"state_dir":"x"}}`, path))}, []string{`state_dir is "x"`}},
		"no base64":  {[]string{"%"}, []string{"illegal base64"}},
		"no gzip":    {[]string{"AAAA"}, []string{"EOF"}},
		"no JSON":    {[]string{packed([]byte("{"))}, []string{"unexpected EOF"}},
		"half":       {[]string{newer[:len(newer)/8*4]}, []string{"EOF"}},
		"too large":  {[]string{packed(make([]byte, limits.RequestBytes+1))}, []string{"more than 67108864 bytes"}},
	} {
		_ = os.WriteFile(path, nil, 0o666)
		l.prepareWith(c.chunks...)
		_ = l.command.Start()
		if code := l.end(); code != ExitFailed || l.has("ran") {
			t.Errorf("%s: exit code %d", name, code)
		}
		for _, word := range c.words {
			if !strings.Contains(l.out.String(), word) {
				t.Errorf("%s: %s", name, l.out.String())
			}
		}
		if strings.Contains("newer no command relative", name) && !strings.Contains(l.ended().Error, c.words[0]) {
			t.Errorf("%s: %s", name, l.file("termination"))
		}
	}
}

func TestSecretsAreForTheLauncherAlone(t *testing.T) {
	server := s3test.Start(t)
	secrets := t.TempDir()
	for name, text := range map[string]string{"AWS_ACCESS_KEY_ID": s3test.AccessKey + "\n", "AWS_SECRET_ACCESS_KEY": s3test.SecretKey, "lower": "x", "..data": "y"} {
		_ = os.WriteFile(filepath.Join(secrets, name), []byte(text), 0o600)
	}
	_ = os.WriteFile(filepath.Join(secrets, "stores.yaml"), fmt.Appendf(nil, "stores:\n- prefix: s3://%s/\n  endpoint: http://%s\n", s3test.Bucket, server.Address), 0o600)
	l := newPod(t, "echo ${AWS_ACCESS_KEY_ID-none}; echo text > out/x").withLog()
	l.request.Outputs = &Outputs{Directory: l.path("out"), URI: uriOf("run/out"), RootURI: uriOf("root")}
	l.request.Pod.Directories = []string{l.path("out")}
	l.request.Log.URI = uriOf("run/log")
	l.request.SecretsDir, l.request.StoresFile = secrets, filepath.Join(secrets, "stores.yaml")
	if code := l.run(); code != 0 || l.out.String() != "none\n" {
		t.Errorf("exit code %d, %s", code, l.out.String())
	}
	result := l.result()
	if len(result.Outputs) != 1 || result.Outputs[0].URI != uriOf("run/out/x") || result.Outputs[0].SizeBytes != 5 {
		t.Errorf("%+v", result.Outputs)
	}
	if object(t, server, "run/out/x") != "text\n" || object(t, server, "run/log") != "none\n" {
		t.Errorf("%q", object(t, server, "run/log"))
	}
}

func TestSecretsNeedNotBeThere(t *testing.T) {
	l := newPod(t, "echo ran").withLog()
	l.request.Log.URI = "s3://bucket/log"
	l.request.SecretsDir = l.path("secrets")
	l.request.StoresFile = l.path("secrets/stores.yaml")
	request := l.request
	if got := request.storesFile(); got != "" {
		t.Errorf("%q", got)
	}
	request.StoresFile = l.path("stores.yaml")
	if got := request.storesFile(); got != l.path("stores.yaml") {
		t.Errorf("%q", got)
	}
	_ = os.Mkdir(l.path("secrets"), 0o777)
	_ = syscall.Mkfifo(l.path("secrets/PIPE"), 0o666)
	_ = os.WriteFile(l.path("secrets/LARGE"), make([]byte, limits.SecretsBytes+1), 0o666)
	if code := l.run(); code != ExitFailed || l.ended().Error != fmt.Sprintf("the secrets of the launcher in %s have more than %d bytes", l.path("secrets"), limits.SecretsBytes) {
		t.Errorf("exit code %d, %+v", code, l.ended())
	}
	if l.file("state/"+ErrorFile) != l.ended().Error || !strings.Contains(l.file("logs/log"), "penstock: "+l.ended().Error+"\n") {
		t.Errorf("%s, %s", l.file("state/"+ErrorFile), l.file("logs/log"))
	}
}

func TestNotesAreTold(t *testing.T) {
	l := newPod(t, "exit 3")
	l.request.Inputs = []Input{{Name: "data", Need: NeedPresumed, URI: "gs://b/k", Path: "/gcs/b/k"}, {Name: "more", Need: NeedPresumed, URI: "/none", Path: "/none"}}
	l.run()
	if e := l.ended(); !strings.Contains(e.Notes, "nothing is mounted at /gcs/b/k. Its URI can be used.") || !strings.Contains(e.Notes, "there is no /none on this machine.") || strings.Contains(e.Notes, "\n") {
		t.Errorf("%q", e.Notes)
	}
}

func TestOutputsAreKeptWithinTheGrace(t *testing.T) {
	t.Parallel()
	server := s3test.Start(t)
	proxy := badproxy.Start(t, server.Address)
	for _, grace := range []int64{20_000, 100} {
		l := newPod(t, "echo text > out/x")
		l.request.StoresFile = s3test.Settings(t, proxy.Address)
		l.request.Outputs = &Outputs{Directory: l.path("out"), URI: uriOf(fmt.Sprintf("run-%d/out", grace)), RootURI: uriOf("root")}
		l.request.Pod.Directories = []string{l.path("out")}
		l.request.Pod.GraceMs = grace
		asked := make(chan struct{}, 100)
		proxy.Decide(func(r *http.Request) badproxy.Bad {
			if r.Method != http.MethodPut {
				return badproxy.Bad{}
			}
			asked <- struct{}{}
			return badproxy.Bad{Delay: time.Second}
		})
		l.start()
		<-asked
		_ = l.command.Process.Signal(syscall.SIGTERM)
		code := l.end()
		e, outputs := l.ended(), l.result().Outputs
		if e.Stopped {
			t.Errorf("%+v", e)
		}
		if grace > 1000 && (code != 0 || len(outputs) != 1) {
			t.Errorf("exit code %d, %+v", code, e)
		}
		if grace < 1000 && (code != ExitFailed || e.Error != "The outputs were not kept in time: the pod was told to end" || len(outputs) != 0) {
			t.Errorf("exit code %d, %+v", code, e)
		}
	}
}
