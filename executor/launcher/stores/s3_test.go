package stores

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/launcher/failure"
	"github.com/penstock/penstock/launcher/internal/badproxy"
	"github.com/penstock/penstock/launcher/internal/s3test"
	"github.com/penstock/penstock/launcher/settings"
	"github.com/penstock/penstock/launcher/uri"
)

var ctx = context.Background()

func bucketAt(t *testing.T, address string, options Options) Bucket {
	t.Helper()
	s, err := settings.Read(s3test.Settings(t, address))
	if err != nil {
		t.Fatal(err)
	}
	bucket, err := NewOpener(s, options).Open(ctx, uri.Location{Scheme: uri.S3, Bucket: s3test.Bucket})
	if err != nil {
		t.Fatal(err)
	}
	return bucket
}

func putText(t *testing.T, bucket Bucket, key, text string) Info {
	t.Helper()
	info, err := bucket.Put(ctx, key, strings.NewReader(text), int64(len(text)), Put{})
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func getText(bucket Bucket, key string, r Range) (string, error) {
	object, err := bucket.Get(ctx, key, r)
	if err != nil {
		return "", err
	}
	defer object.Body.Close()
	text, err := io.ReadAll(object.Body)
	return string(text), err
}

func TestOddKeysComeBack(t *testing.T) {
	bucket := bucketAt(t, s3test.Start(t).Address, Options{})
	long := strings.Repeat(strings.Repeat("k", 200)+"/", 5)
	for _, key := range []string{"a b", "ü/ß 漢字", "a/../b", "../../etc/passwd", "100%25 %2F", "a+b&c=d?e#f", "tab\tand\nline", "~'\"()*!;:@,$[]<>|^`{}",
		long + strings.Repeat("k", 1024-len(escapedKey(long))), "folder/"} {
		text := key
		if strings.HasSuffix(key, "/") {
			text = "" // which this server takes for a folder
		}
		if text == "" || len(key) > 1000 {
			text = text[:min(len(text), 10)]
		}
		putText(t, bucket, key, text)
		if got, err := getText(bucket, key, Range{}); err != nil || got != text {
			t.Errorf("%q comes back as %q, %v", key, got, err)
		}
		// This server copies no folders.
		if _, err := bucket.Copy(ctx, Info{Key: key}, "copy of it", Put{}); err != nil && !strings.HasSuffix(key, "/") {
			t.Errorf("%q cannot be copied: %v", key, err)
		}
		if page, err := bucket.List(ctx, key, false, "", 10); err != nil || len(page.Objects) != 1 || page.Objects[0].Key != key {
			t.Errorf("%q is listed as %+v, %v", key, page.Objects, err)
		}
		if err := bucket.Delete(ctx, []string{key, "copy of it"}); err != nil {
			t.Errorf("%q cannot be deleted: %v", key, err)
		}
		if _, err := bucket.Head(ctx, key); !failure.Is(err, failure.NotFound) {
			t.Errorf("%q is still there: %v", key, err)
		}
	}
}

func TestRangesAndVersions(t *testing.T) {
	bucket := bucketAt(t, s3test.Start(t).Address, Options{})
	info := putText(t, bucket, "k", "0123456789")
	for want, r := range map[string]Range{"0123456789": {}, "34": {OffsetBytes: 3, LimitBytes: 2}, "89": {OffsetBytes: 8}, "789": {OffsetBytes: 7, LimitBytes: 100, Version: info.Version}} {
		if got, err := getText(bucket, "k", r); err != nil || got != want {
			t.Errorf("%+v gives %q, %v", r, got, err)
		}
	}
	putText(t, bucket, "k", "another")
	if _, err := getText(bucket, "k", Range{Version: info.Version}); !failure.Is(err, failure.Precondition) {
		t.Errorf("another version: %v", err)
	}
	putText(t, bucket, "empty", "")
	if got, err := getText(bucket, "empty", Range{LimitBytes: 100}); err != nil || got != "" {
		t.Errorf("an empty object: %q, %v", got, err)
	}
}

func TestAWriterLeavesAllOrNothing(t *testing.T) {
	server := s3test.Start(t)
	bucket := bucketAt(t, server.Address, Options{})
	block := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	for _, blocks := range []int{0, 1, 8, 20} {
		for _, commit := range []bool{false, true} {
			key := fmt.Sprint("written ", blocks, commit)
			writer := bucket.NewWriter(ctx, key, Put{})
			for range blocks {
				if _, err := writer.Write(block); err != nil {
					t.Fatal(err)
				}
			}
			if !commit {
				writer.Abort()
				if _, err := bucket.Head(ctx, key); !failure.Is(err, failure.NotFound) {
					t.Errorf("%s is there: %v", key, err)
				}
				continue
			}
			if _, err := writer.Commit(); err != nil {
				t.Fatal(err)
			}
			if info, err := bucket.Head(ctx, key); err != nil || info.SizeBytes != int64(blocks*len(block)) {
				t.Errorf("%s: %+v, %v", key, info, err)
			}
		}
	}
}

func TestAnswersAreToldApart(t *testing.T) {
	server := s3test.Start(t)
	proxy := badproxy.Start(t, server.Address)
	bucket := bucketAt(t, proxy.Address, Options{StallTimeout: 300 * time.Millisecond})
	putText(t, bucket, "k", "text")
	for name, c := range map[string]struct {
		bad   badproxy.Bad
		kind  failure.Kind
		words string
	}{
		"denied":        {badproxy.Bad{Status: 403, Code: "AccessDenied"}, failure.Denied, "GetObject of s3://team/k failed: the store says AccessDenied"},
		"signature":     {badproxy.Bad{Status: 403, Code: "SignatureDoesNotMatch"}, failure.Denied, "does not belong to the access key"},
		"no code":       {badproxy.Bad{Status: 403}, failure.Denied, "status 403"},
		"no object":     {badproxy.Bad{Status: 404, Code: "NoSuchKey"}, failure.NotFound, "NoSuchKey"},
		"no bucket":     {badproxy.Bad{Status: 404, Code: "NoSuchBucket"}, failure.NoBucket, "create the bucket"},
		"precondition":  {badproxy.Bad{Status: 412, Code: "PreconditionFailed"}, failure.Precondition, "PreconditionFailed"},
		"broken":        {badproxy.Bad{Status: 500, Code: "InternalError"}, failure.Unavailable, "InternalError"},
		"busy":          {badproxy.Bad{Status: 503, Code: "SlowDown"}, failure.Unavailable, "SlowDown"},
		"too many":      {badproxy.Bad{Status: 429}, failure.Unavailable, "429"},
		"expired":       {badproxy.Bad{Status: 400, Code: "ExpiredToken"}, failure.Denied, "have expired and were not replaced"},
		"never":         {badproxy.Bad{Never: true}, failure.Unavailable, "silent for too long"},
		"clock":         {badproxy.Bad{Status: 403, Code: "RequestTimeTooSkewed", ClockOff: time.Hour}, failure.Denied, "behind the store's"},
		"elsewhere":     {badproxy.Bad{Status: 301, Code: "PermanentRedirect"}, failure.Settings, "another region"},
		"not a request": {badproxy.Bad{Status: 400, Code: "InvalidArgument"}, failure.Invalid, "InvalidArgument"},
	} {
		proxy.Decide(func(*http.Request) badproxy.Bad { return c.bad })
		_, err := getText(bucket, "k", Range{})
		if failure.KindOf(err) != c.kind || !strings.Contains(fmt.Sprint(err), c.words) {
			t.Errorf("%s: kind %d, %v", name, failure.KindOf(err), err)
		}
		if strings.Contains(fmt.Sprint(err), s3test.SecretKey) || strings.ContainsAny(fmt.Sprint(err), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCallsAreTriedAgain(t *testing.T) {
	server := s3test.Start(t)
	proxy := badproxy.Start(t, server.Address)
	bucket := bucketAt(t, proxy.Address, Options{StallTimeout: 300 * time.Millisecond})
	all := func(*http.Request) bool { return true }
	for name, bad := range map[string]badproxy.Bad{
		"broken":  {Status: 500},
		"busy":    {Status: 503, Code: "SlowDown"},
		"never":   {Never: true},
		"cut":     {CutUp: 2},
		"expired": {Status: 400, Code: "ExpiredToken"},
	} {
		proxy.Times(2, all, bad)
		putText(t, bucket, "k", name)
		if got, err := getText(bucket, "k", Range{}); err != nil || got != name {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	bucket = bucketAt(t, proxy.Address, Options{})
	proxy.Times(1, all, badproxy.Bad{Status: 503, RetryAfter: "1"})
	begun := time.Now()
	putText(t, bucket, "k", "later")
	if took := time.Since(begun); took < time.Second {
		t.Errorf("asked again after %v, where the store wishes a second", took)
	}
}

func TestFilesOfCredentialsAreReadAgain(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name+".new")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path, filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
		return filepath.Join(folder, name)
	}
	c := credentialsOf(settings.Credentials{AccessKeyIDFile: write("id", "one\n"), SecretAccessKeyFile: write("secret", "two")}, nil)
	if found, err := c.provider.Retrieve(ctx); err != nil || found.AccessKeyID != "one" || found.SecretAccessKey != "two" {
		t.Errorf("%+v, %v", found, err)
	}
	write("secret", "six")
	if found, err := c.provider.Retrieve(ctx); err != nil || found.SecretAccessKey != "six" {
		t.Errorf("%+v, %v", found, err)
	}
	write("secret", "")
	if _, err := c.provider.Retrieve(ctx); err == nil || !strings.Contains(err.Error(), "is empty") {
		t.Errorf("%v", err)
	}
}

func TestNoCredentialsAreSaidSoon(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_PROFILE", "GOOGLE_APPLICATION_CREDENTIALS", "STORAGE_EMULATOR_HOST",
		"AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_ACCOUNT"} {
		t.Setenv(name, "")
		os.Unsetenv(name)
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://"+silent.Addr().String())
	t.Setenv("GCE_METADATA_HOST", silent.Addr().String())
	for _, text := range []string{"s3://bucket/key", "gs://bucket/key", "azblob://bucket/key"} {
		l, _ := uri.Parse(text)
		begun := time.Now()
		bucket, err := NewOpener(&settings.Settings{}, Options{}).Open(ctx, l)
		if err == nil {
			_, err = bucket.Head(ctx, l.Key)
		}
		if !failure.Is(err, failure.Denied) || !strings.Contains(err.Error(), "tried were") || time.Since(begun) > 3*time.Second {
			t.Errorf("%s after %v: %v", text, time.Since(begun), err)
		}
		t.Logf("%s after %v", text, time.Since(begun))
	}
	l, _ := uri.Parse("minio://bucket/key")
	if _, err := NewOpener(&settings.Settings{}, Options{}).Open(ctx, l); !failure.Is(err, failure.Settings) {
		t.Errorf("minio:// without an endpoint: %v", err)
	}
}

func TestARootsQueryCountsForItsBucket(t *testing.T) {
	server := s3test.Start(t)
	t.Setenv("AWS_ACCESS_KEY_ID", s3test.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", s3test.SecretKey)
	root, err := uri.ParseRoot("s3://" + s3test.Bucket + "/root?region=us-east-1&disableSSL=true&s3ForcePathStyle=true&endpoint=" + server.Address)
	if err != nil {
		t.Fatal(err)
	}
	opener := NewOpener(&settings.Settings{}, Options{})
	opener.Learn(root)
	l, _ := uri.Parse("s3://" + s3test.Bucket + "/other")
	bucket, err := opener.Open(ctx, l)
	if err != nil {
		t.Fatal(err)
	}
	putText(t, bucket, l.Key, "text")
	url, err := bucket.Sign(ctx, l.Key, Signing{Lasts: time.Minute, MediaType: "text/css", Disposition: "attachment; filename=\"a b\""})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, _ := io.ReadAll(answer.Body); string(text) != "text" || answer.Header.Get("Content-Type") != "text/css" ||
		!strings.Contains(answer.Header.Get("Content-Disposition"), "a b") {
		t.Errorf("%q with %v", text, answer.Header)
	}
}

func TestALargeObjectIsCopiedInParts(t *testing.T) {
	bucket := bucketAt(t, s3test.Start(t).Address, Options{}).(*s3Bucket)
	from := putText(t, bucket, "from here", "text")
	info, err := bucket.copyParts(ctx, from, "to there", Put{SHA256: "abc"})
	if err != nil || info.SizeBytes != 4 {
		t.Fatalf("%+v, %v", info, err)
	}
	there, err := bucket.Head(ctx, "to there")
	if err != nil || there.Version != info.Version || there.SHA256 != "abc" {
		t.Errorf("%+v is not %+v, %v", there, info, err)
	}
	from.Version = "another"
	if _, err := bucket.copyParts(ctx, from, "never there", Put{}); !failure.Is(err, failure.Precondition) {
		t.Errorf("another version: %v", err)
	}
	if _, err := bucket.Copy(ctx, from, "never there", Put{}); !failure.Is(err, failure.Precondition) {
		t.Errorf("another version: %v", err)
	}
}

func TestManyAreDeletedAtOnce(t *testing.T) {
	server := s3test.Start(t)
	proxy := badproxy.Start(t, server.Address)
	bucket := bucketAt(t, proxy.Address, Options{})
	for _, bad := range []badproxy.Bad{{}, {Status: 501, Code: "NotImplemented"}} {
		proxy.Decide(nil)
		var keys []string
		for i := range 20 {
			keys = append(keys, fmt.Sprint("many/", i))
			putText(t, bucket, keys[i], "x")
		}
		proxy.Decide(func(r *http.Request) badproxy.Bad {
			if r.Method == http.MethodPost {
				return bad
			}
			return badproxy.Bad{}
		})
		if err := bucket.Delete(ctx, append(keys, "many/that was never there")); err != nil {
			t.Error(err)
		}
		if page, err := bucket.List(ctx, "many/", false, "", 100); err != nil || len(page.Objects) != 0 {
			t.Errorf("%+v, %v", page, err)
		}
	}
}
