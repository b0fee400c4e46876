package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/penstock/penstock/launcher/content"
	"github.com/penstock/penstock/launcher/internal/s3test"
	"github.com/penstock/penstock/launcher/settings"
	"github.com/penstock/penstock/launcher/stores"
	"github.com/penstock/penstock/launcher/uri"
)

func at(t testing.TB, text string) uri.Location {
	t.Helper()
	l, err := uri.Parse("s3://" + s3test.Bucket + "/" + text)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func transfers(t testing.TB, address string) *Transfers {
	t.Helper()
	s, err := settings.Read(s3test.Settings(t, address))
	if err != nil {
		t.Fatal(err)
	}
	root := at(t, "root")
	return New(stores.NewOpener(s, stores.Options{}), &root, &Progress{}, func(text string) { t.Log(text) })
}

// noise is content that is nobody else's.
func noise(t testing.TB, path string, size int) (sum string) {
	t.Helper()
	bytes := make([]byte, size)
	random := rand.NewChaCha8([32]byte{byte(rand.Uint32()), byte(rand.Uint32()), byte(rand.Uint32()), byte(rand.Uint32())})
	_, _ = random.Read(bytes)
	write(t, path, string(bytes))
	hash := sha256.Sum256(bytes)
	return hex.EncodeToString(hash[:])
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func sumOf(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(text)
	return hex.EncodeToString(hash[:])
}

func put(t testing.TB, tr *Transfers, path string, l uri.Location) Uploaded {
	t.Helper()
	done, err := tr.Upload(context.Background(), path, l)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func get(t testing.TB, tr *Transfers, l uri.Location, path, expected string) {
	t.Helper()
	if _, err := tr.Download(context.Background(), l, path, expected); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + Part); err == nil {
		t.Errorf("%s is left", path+Part)
	}
}

func TestFilesOfAllSizesComeBack(t *testing.T) {
	server := s3test.Start(t)
	tr := transfers(t, server.Address)
	folder := t.TempDir()
	for name, size := range map[string]int{"empty": 0, "small": 10, "part": 16 << 20, "parts": 40<<20 + 1, "multipart": 70<<20 + 3} {
		path := filepath.Join(folder, name)
		sum := noise(t, path, size)
		done := put(t, tr, path, at(t, "files/"+name))
		if done.SHA256 != sum || done.SizeBytes != int64(size) || done.MovedBytes != int64(size) {
			t.Errorf("%s: %+v", name, done)
		}
		bucket, _ := tr.Opener.Open(context.Background(), at(t, ""))
		there, err := content.Stat(context.Background(), bucket, at(t, "files/"+name))
		if err != nil || there.Version != done.Version || there.SHA256 != sum || there.SizeBytes != int64(size) {
			t.Errorf("%s: %+v is not %+v, %v", name, there, done, err)
		}
		get(t, tr, at(t, "files/"+name), path+".back", sum)
		if sumOf(t, path+".back") != sum {
			t.Errorf("%s came back as something else", name)
		}
		_, err = tr.Download(context.Background(), at(t, "files/"+name), path+".wrong", strings.Repeat("0", 64))
		if err == nil || !strings.Contains(err.Error(), sum) || !strings.Contains(err.Error(), "0000") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(path + ".wrong"); err == nil {
			t.Errorf("%s: content that was not expected is taken for right", name)
		}
	}
}

func TestAFolderComesBack(t *testing.T) {
	server := s3test.Start(t)
	tr := transfers(t, server.Address)
	folder := filepath.Join(t.TempDir(), "folder")
	write(t, folder+"/a", "a")
	write(t, folder+"/a-b/c", "c") // sorts between a and a/...
	write(t, folder+"/deep/er/ü b%2F", "")
	noise(t, folder+"/large", 2<<20)
	if err := os.MkdirAll(folder+"/none/at/all", 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../a", folder+"/deep/link"); err != nil {
		t.Fatal(err)
	}
	write(t, folder+".stale", "left by an attempt that ended halfway")
	put(t, tr, folder+".stale", at(t, "one/stale"))
	done := put(t, tr, folder, at(t, "one"))
	back := folder + ".back"
	get(t, tr, at(t, "one"), back, done.SHA256)
	for name, text := range map[string]string{"a": "a", "deep/link": "a", "a-b/c": "c", "deep/er/ü b%2F": ""} {
		if got, err := os.ReadFile(filepath.Join(back, name)); err != nil || string(got) != text {
			t.Errorf("%s is %q, %v", name, got, err)
		}
	}
	if _, err := os.Stat(back + "/stale"); err == nil {
		t.Error("what is no part of the folder is still there")
	}
	bucket, _ := tr.Opener.Open(context.Background(), at(t, ""))
	there, err := content.Stat(context.Background(), bucket, at(t, "one"))
	if err != nil || there.Version != done.Version || there.Kind != content.Folder {
		t.Errorf("%+v is not %+v, %v", there, done, err)
	}
	again := put(t, tr, back, at(t, "two"))
	if again.MovedBytes != 0 || again.SHA256 != done.SHA256 {
		t.Errorf("the same again: %+v", again)
	}
	get(t, tr, at(t, "two"), back+".again", done.SHA256)

	write(t, filepath.Join(folder, "x"), "")
	if err := os.Symlink("/etc/hostname", folder+"/out"); err != nil {
		t.Fatal(err)
	}
	if _, err := tr.Upload(context.Background(), folder, at(t, "three")); err == nil || !strings.Contains(err.Error(), "leads out of its directory") {
		t.Errorf("a link that leads out: %v", err)
	}
	if err := os.Mkdir(back+".empty", 0o777); err != nil {
		t.Fatal(err)
	}
	done = put(t, tr, back+".empty", at(t, "empty"))
	get(t, tr, at(t, "empty"), back+".empty2", done.SHA256)
}

func TestEqualContentGoesUpOnce(t *testing.T) {
	server := s3test.Start(t)
	tr := transfers(t, server.Address)
	path := filepath.Join(t.TempDir(), "file")
	for _, size := range []int{1 << 20, 65 << 20} {
		sum := noise(t, path, size)
		put(t, tr, path, at(t, "first"))
		if again := put(t, tr, path, at(t, "second")); again.MovedBytes != 0 {
			t.Errorf("%+v", again)
		}
		get(t, tr, at(t, "second"), path+".back", sum)
		noise(t, path+".other", 1<<20) // the record stands no more
		put(t, tr, path+".other", at(t, "first"))
		if again := put(t, tr, path, at(t, "third")); again.MovedBytes != int64(size) {
			t.Errorf("%+v", again)
		}
		get(t, tr, at(t, "third"), path+".back", sum)
	}
}

func putOf(sum string) stores.Put { return stores.Put{SHA256: sum} }

func TestTheHashOfATreeIsTheServers(t *testing.T) {
	folder := t.TempDir()
	write(t, folder+"/b", "text")
	write(t, folder+"/a-b", "")
	write(t, folder+"/a/c", "deep")
	tree, err := ReadTree(context.Background(), folder, nil)
	if err != nil {
		t.Fatal(err)
	}
	// By hand: fields with their lengths before them, as content/local/file_content.cc has it.
	hash := sha256.New()
	field := func(text string) { hash.Write(append([]byte{byte(len(text)), 0, 0, 0, 0, 0, 0, 0}, text...)) }
	for _, entry := range []struct{ name, kind, text string }{{"", "d", ""}, {"/a", "d", ""}, {"/a/c", "f", "deep"}, {"/a-b", "f", ""}, {"/b", "f", "text"}} {
		field(entry.name)
		hash.Write([]byte(entry.kind))
		if entry.kind == "f" {
			field(strconv.Itoa(len(entry.text)))
			hash.Write([]byte(entry.text))
		}
	}
	if want := hex.EncodeToString(hash.Sum(nil)); tree.SHA256 != want {
		t.Errorf("%s is not %s", tree.SHA256, want)
	}
}
