package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/penstock/penstock/gateway/gen/penstock"
	"github.com/penstock/penstock/gateway/limits"
)

// fakeFolder answers as the server does for an artifact that is a folder with these files.
func fakeFolder(fake *fakeServer, files map[string]string) {
	fake.readArtifact = func(r *penstock.ReadArtifactRequest, s contentStream) error {
		bytes, isFile := files[r.GetPath()]
		if !isFile {
			return status.Error(codes.FailedPrecondition, "it is no single file")
		}
		return s.Send(&penstock.ArtifactChunk{Data: []byte(bytes), SizeBytes: proto.Int64(int64(len(bytes)))})
	}
	fake.answer = func(method string, request proto.Message) (proto.Message, error) {
		at := request.(*penstock.ListArtifactContentsRequest).GetPath()
		reply := &penstock.ListArtifactContentsResponse{IsFolder: true}
		seen := map[string]bool{}
		for _, name := range sortedNames(files) {
			rest, within := strings.CutPrefix(path.Join("/", name), path.Join("/", at, "/")+"/")
			if at == "" || at == "." {
				rest, within = name, true
			}
			first, _, deeper := strings.Cut(rest, "/")
			if within && !seen[first] {
				seen[first] = true
				reply.Entries = append(reply.Entries, &penstock.ArtifactEntry{Name: first, IsFolder: deeper})
			}
		}
		return reply, nil
	}
}

func sortedNames(files map[string]string) []string {
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// unpacked gives the names of folders, and the content of files.
func unpacked(t *testing.T, body string) map[string]string {
	t.Helper()
	packed, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	archive, found := tar.NewReader(packed), map[string]string{}
	for {
		entry, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		found[entry.Name] = string(content)
	}
}

func TestFolders(t *testing.T) {
	g, fake := startBoth(t)
	files := map[string]string{"one.txt": "one", "sub/two.txt": "two", "sub/deep/three": strings.Repeat("3", 100000)}
	fakeFolder(fake, files)
	want := map[string]string{"sub/": "", "sub/deep/": ""}
	for name, content := range files {
		want[name] = content
	}
	const at = "/artifacts/http/penstock/artifacts/p/folder%2525"
	for path, name := range map[string]string{at: `"folder%25.tar.gz"`, "/apis/penstock/v1/artifacts/a/content?view=tar": "a.tar.gz"} {
		whole := g.do("GET", path, "")
		whole.expect(t, 200)
		if got := unpacked(t, whole.body); !reflect.DeepEqual(got, want) {
			t.Error(path, got)
		}
		told := whole.header.Get("Content-Disposition")
		if whole.header.Get("Content-Type") != "application/gzip" || !strings.HasPrefix(told, "attachment") ||
			!strings.Contains(told, strings.Trim(name, `"`)) {
			t.Error(path, whole.header)
		}
	}
	peeked := g.do("GET", "/artifacts/get?bucket=h&key=artifacts/http/penstock/artifacts/p/folder&peek=256", "")
	if peeked.code != 200 || peeked.body != "folder is a folder with 3 files.\n" ||
		peeked.header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Error(peeked)
	}
	g.do("HEAD", at, "").expect(t, 200)
}

func TestAFolderThatCannotBeReadWhole(t *testing.T) {
	g, fake := startBoth(t)
	fakeFolder(fake, map[string]string{"one.txt": "one"})
	read := fake.readArtifact
	fake.readArtifact = func(r *penstock.ReadArtifactRequest, s contentStream) error {
		if r.GetPath() == "" {
			return read(r, s)
		}
		return s.Send(&penstock.ArtifactChunk{Data: []byte("o"), SizeBytes: proto.Int64(3)})
	}
	reply, err := http.Get(g.url + "/artifacts/http/penstock/artifacts/p/folder")
	if err == nil {
		defer reply.Body.Close()
		_, err = io.ReadAll(reply.Body)
	}
	if err == nil {
		t.Error("what is cut ends like what is whole")
	}
	// Each folder has another in it.
	fake.answer = func(string, proto.Message) (proto.Message, error) {
		return &penstock.ListArtifactContentsResponse{IsFolder: true, Entries: []*penstock.ArtifactEntry{{Name: "x", IsFolder: true}}}, nil
	}
	g.do("GET", "/artifacts/http/penstock/artifacts/p/folder", "").expect(t, 400, strconv.Itoa(limits.MaxFolderDepth))
	g.do("GET", "/artifacts/http/penstock/artifacts/p/folder?peek=9", "").expect(t, 200, "more than 0 files")
}
