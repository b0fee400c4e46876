package transfer

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/penstock/penstock/launcher/content"
	"github.com/penstock/penstock/launcher/failure"
	"github.com/penstock/penstock/launcher/internal/badproxy"
	"github.com/penstock/penstock/launcher/internal/s3test"
	"github.com/penstock/penstock/launcher/limits"
	"github.com/penstock/penstock/launcher/settings"
	"github.com/penstock/penstock/launcher/stores"
)

func isMethod(method, part string) func(*http.Request) bool {
	return func(r *http.Request) bool { return r.Method == method && strings.Contains(r.URL.RequestURI(), part) }
}

func TestADownloadThatIsCutGoesOn(t *testing.T) {
	server := s3test.Start(t)
	proxy := badproxy.Start(t, server.Address)
	tr := transfers(t, proxy.Address)
	path := filepath.Join(t.TempDir(), "file")
	const size = 50 << 20
	sum := noise(t, path, size)
	put(t, tr, path, at(t, "file"))
	for _, bad := range []badproxy.Bad{{CutDown: 0.9}, {CutDown: 0.001}, {Status: 503}} {
		proxy.Times(3, isMethod("GET", "/file"), bad)
		proxy.Down.Store(0)
		get(t, tr, at(t, "file"), path+".back", sum)
		if sumOf(t, path+".back") != sum {
			t.Errorf("%+v: it came back as something else", bad)
		}
		if down := proxy.Down.Load(); down > size+limits.PartBytes*3 {
			t.Errorf("%+v: %d bytes came for %d", bad, down, size)
		}
	}
	proxy.Decide(func(r *http.Request) badproxy.Bad { return badproxy.Bad{Other: isMethod("GET", "/file")(r)} })
	_, err := tr.Download(context.Background(), at(t, "file"), path+".other", "")
	if err == nil || !strings.Contains(err.Error(), "has other content than was recorded") || !strings.Contains(err.Error(), sum) {
		t.Errorf("other bytes: %v", err)
	}
	if left, _ := filepath.Glob(path + ".other*"); len(left) != 0 {
		t.Errorf("%v is left", left)
	}
}

func TestAnObjectThatChangesIsReadAnew(t *testing.T) {
	server := s3test.Start(t)
	proxy := badproxy.Start(t, server.Address)
	tr := transfers(t, proxy.Address)
	path := filepath.Join(t.TempDir(), "file")
	noise(t, path, 40<<20)
	other := path + ".other"
	sum := noise(t, other, 40<<20)
	put(t, tr, path, at(t, "file"))
	direct := transfers(t, server.Address)
	var once sync.Once
	proxy.Decide(func(r *http.Request) badproxy.Bad {
		if !isMethod("GET", "/file")(r) {
			return badproxy.Bad{}
		}
		return badproxy.Bad{After: func() { once.Do(func() { put(t, direct, other, at(t, "file")) }) }}
	})
	get(t, tr, at(t, "file"), path+".back", sum)

	var count atomic.Int64
	proxy.Decide(func(r *http.Request) badproxy.Bad {
		if !isMethod("GET", "/file")(r) {
			return badproxy.Bad{}
		}
		return badproxy.Bad{After: func() {
			text := fmt.Sprint(count.Add(1))
			put(t, direct, func() string { write(t, path+text, strings.Repeat(text, 20<<20)); return path + text }(), at(t, "file"))
			os.Remove(path + text)
		}}
	})
	_, err := tr.Download(context.Background(), at(t, "file"), path+".back2", "")
	if !failure.Is(err, failure.Precondition) || !strings.Contains(err.Error(), "changed each of the") {
		t.Errorf("an object that always changes: %v", err)
	}
}

func TestAnUploadThatIsCutGoesOnWithTheNextAttempt(t *testing.T) {
	server := s3test.Start(t)
	proxy := badproxy.Start(t, server.Address)
	path := filepath.Join(t.TempDir(), "file")
	const size = 100 << 20
	sum := noise(t, path, size)
	// The first attempt dies once 4 of 7 parts are there: its context ends, as no call can be made any more.
	ctx, die := context.WithCancel(context.Background())
	var parts atomic.Int64
	proxy.Decide(func(r *http.Request) badproxy.Bad {
		if !isMethod("PUT", "partNumber=")(r) {
			return badproxy.Bad{}
		}
		return badproxy.Bad{After: func() {
			if parts.Add(1) == 4 {
				die()
			}
		}}
	})
	if _, err := transfers(t, proxy.Address).Upload(ctx, path, at(t, "attempt-1/file")); err == nil {
		t.Fatal("it was not cut")
	}
	bucket, err := transfers(t, server.Address).Opener.Open(context.Background(), at(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := content.Stat(context.Background(), bucket, at(t, "attempt-1")); !failure.Is(err, failure.NotFound) {
		t.Errorf("half an upload is taken for whole: %v", err)
	}
	proxy.Decide(nil)
	proxy.Up.Store(0)
	tr := transfers(t, proxy.Address)
	done := put(t, tr, path, at(t, "attempt-2/file"))
	if up := proxy.Up.Load(); up > size-3*limits.PartBytes+1<<20 {
		t.Errorf("%d bytes went up again of %d, though 4 parts were there", up, size)
	}
	if done.MovedBytes > size-3*limits.PartBytes {
		t.Errorf("%+v", done)
	}
	get(t, tr, at(t, "attempt-2/file"), path+".back", sum)
	page, err := bucket.List(context.Background(), "root/@uploads/", false, "", 10)
	if err != nil || len(page.Objects) != 0 {
		t.Errorf("records are left: %+v, %v", page, err)
	}
	if again := put(t, tr, path, at(t, "attempt-3/file")); again.MovedBytes != 0 {
		t.Errorf("%+v", again)
	}
}

func TestAnUploadWhoseConnectionsBreak(t *testing.T) {
	server := s3test.Start(t)
	proxy := badproxy.Start(t, server.Address)
	tr := transfers(t, proxy.Address)
	path := filepath.Join(t.TempDir(), "file")
	for _, bad := range []badproxy.Bad{{CutUp: limits.PartBytes * 9 / 10}, {Status: 500}, {Status: 503, Code: "SlowDown"}, {CutDown: 0.9}} {
		for _, size := range []int{20 << 20, 70 << 20} {
			sum := noise(t, path, size)
			proxy.Times(3, isMethod("PUT", "/file"), bad)
			put(t, tr, path, at(t, "file"))
			get(t, tr, at(t, "file"), path+".back", sum)
		}
	}
	// Who may write no records keeps outputs all the same.
	proxy.Decide(func(r *http.Request) badproxy.Bad {
		if strings.Contains(r.URL.Path, "@") {
			return badproxy.Bad{Status: 403, Code: "AccessDenied"}
		}
		return badproxy.Bad{}
	})
	sum := noise(t, path, 70<<20)
	put(t, tr, path, at(t, "file"))
	get(t, tr, at(t, "file"), path+".back", sum)
}

func TestPartsOfAnotherContentAreNotTakenOver(t *testing.T) {
	server := s3test.Start(t)
	tr := transfers(t, server.Address)
	path := filepath.Join(t.TempDir(), "file")
	sum := noise(t, path, 70<<20)
	bucket, err := tr.Opener.Open(context.Background(), at(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	uploadID, err := bucket.Parts().Create(ctx, "other", putOf(sum))
	if err != nil {
		t.Fatal(err)
	}
	wrong := strings.NewReader(strings.Repeat("x", limits.PartBytes))
	if _, err := bucket.Parts().Upload(ctx, "other", uploadID, stores.Part{Number: 2, SizeBytes: limits.PartBytes}, wrong); err != nil {
		t.Fatal(err)
	}
	r := tr.records(bucket, at(t, ""))
	if err := r.write(ctx, uploadRecords, sum, uploadRecord{Key: "other", UploadID: uploadID, PartBytes: limits.PartBytes, SizeBytes: 70 << 20}); err != nil {
		t.Fatal(err)
	}
	put(t, tr, path, at(t, "file"))
	get(t, tr, at(t, "file"), path+".back", sum)

	noise(t, path, 70<<20)
	sum = sumOf(t, path) // and a record whose upload is gone
	if err := r.write(ctx, uploadRecords, sum, uploadRecord{Key: "other", UploadID: uploadID, PartBytes: limits.PartBytes, SizeBytes: 70 << 20}); err != nil {
		t.Fatal(err)
	}
	put(t, tr, path, at(t, "file"))
	get(t, tr, at(t, "file"), path+".back", sum)
}

func TestTwoUploadersOfOneContent(t *testing.T) {
	server := s3test.Start(t)
	path := filepath.Join(t.TempDir(), "file")
	for round := range 2 {
		sum := noise(t, path, 100<<20)
		var both sync.WaitGroup
		for i := range 2 {
			both.Go(func() {
				tr := transfers(t, server.Address)
				l := at(t, fmt.Sprintf("round-%d/attempt-%d/file", round, i))
				if _, err := tr.Upload(context.Background(), path, l); err != nil {
					t.Error(err)
					return
				}
				back := fmt.Sprintf("%s.%d", path, i)
				if _, err := tr.Download(context.Background(), l, back, sum); err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
	}
}

func TestAFileThatChangesIsNotKept(t *testing.T) {
	server := s3test.Start(t)
	proxy := badproxy.Start(t, server.Address)
	tr := transfers(t, proxy.Address)
	for _, size := range []int{1000, 70 << 20} {
		path := filepath.Join(t.TempDir(), "file")
		noise(t, path, size)
		change := func(times int64) {
			var count atomic.Int64
			proxy.Decide(func(r *http.Request) badproxy.Bad {
				if r.Method != http.MethodPut || strings.Contains(r.URL.Path, "@") {
					return badproxy.Bad{}
				}
				return badproxy.Bad{After: func() {
					if count.Add(1) <= times {
						noise(t, path, size-1)
					}
				}}
			})
		}
		change(1 << 30)
		l := at(t, fmt.Sprint("changing-", size))
		if _, err := tr.Upload(context.Background(), path, l); err == nil || !strings.Contains(err.Error(), "changed each of the") {
			t.Errorf("%d bytes: %v", size, err)
		}
		bucket, _ := tr.Opener.Open(context.Background(), l)
		if _, err := content.Stat(context.Background(), bucket, l); !failure.Is(err, failure.NotFound) {
			t.Errorf("what changed is there: %v", err)
		}
		change(1)
		put(t, tr, path, l)
		get(t, tr, l, path+".back", sumOf(t, path))
	}
}

func TestKeysThatLeadOutOfTheFolderAreRefused(t *testing.T) {
	for name, is := range map[string]bool{"a": true, "a/b": true, "..a": true, "..": false, "a/../b": false, "/a": false, "a//b": false, "./a": false, "a/..": false} {
		path, err := inside("/folder", name, "key/"+name)
		if (err == nil) != is || (is && path != "/folder/"+name) {
			t.Errorf("%q: %q, %v", name, path, err)
		}
	}
	server := s3test.Start(t)
	tr := transfers(t, server.Address)
	client := server.Client()
	_, err := client.PutObject(context.Background(), &s3.PutObjectInput{Bucket: aws.String(s3test.Bucket), Key: aws.String("evil/a..__0x2f__../x"), Body: strings.NewReader("x")})
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(t.TempDir(), "folder")
	if _, err := tr.Download(context.Background(), at(t, "evil"), folder, ""); err == nil || !strings.Contains(err.Error(), "outside of its folder") {
		t.Errorf("%v", err)
	}
}

func TestAFullDiskIsSaid(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("NOT TESTED: only root mounts a small file system")
	}
	server := s3test.Start(t)
	tr := transfers(t, server.Address)
	path := filepath.Join(t.TempDir(), "file")
	noise(t, path, 20<<20)
	put(t, tr, path, at(t, "file"))
	small := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", small).CombinedOutput(); err != nil {
		t.Skipf("NOT TESTED: no small file system can be mounted: %s", out)
	}
	defer exec.Command("umount", small).Run()
	_, err := tr.Download(context.Background(), at(t, "file"), small+"/file", "")
	if !failure.Is(err, failure.Local) || !strings.Contains(err.Error(), "no space left on device") || !strings.Contains(err.Error(), small) {
		t.Errorf("%v", err)
	}
	if left, _ := os.ReadDir(small); len(left) != 0 {
		t.Errorf("%v is left", left)
	}
}

func TestCredentialsThatExpireAreReplaced(t *testing.T) {
	server := s3test.Start(t)
	server.AddUser(t, "second", "another-secret")
	proxy := badproxy.Start(t, server.Address)
	file := s3test.Settings(t, proxy.Address)
	said, err := settings.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	root := at(t, "root")
	tr := New(stores.NewOpener(said, stores.Options{}), &root, &Progress{}, nil)
	path := filepath.Join(t.TempDir(), "file")
	sum := noise(t, path, 100<<20)
	var parts, refused atomic.Int64
	var once sync.Once
	proxy.Decide(func(r *http.Request) badproxy.Bad {
		isFirst := strings.Contains(r.Header.Get("Authorization"), "Credential="+s3test.AccessKey+"/")
		if isMethod("PUT", "partNumber=")(r) && parts.Add(1) <= 3 || !isFirst || parts.Load() == 0 {
			return badproxy.Bad{}
		}
		refused.Add(1)
		once.Do(func() { s3test.ReplaceCredentials(t, file, "second", "another-secret") })
		return badproxy.Bad{Status: 400, Code: "ExpiredToken"}
	})
	put(t, tr, path, at(t, "file"))
	if refused.Load() == 0 {
		t.Error("the first credentials were taken to the end")
	}
	get(t, tr, at(t, "file"), path+".back", sum)
}
