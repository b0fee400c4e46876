package service

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	pb "github.com/penstock/penstock/launcher/gen/content"
	"github.com/penstock/penstock/launcher/internal/badproxy"
	"github.com/penstock/penstock/launcher/internal/s3test"
)

var ctx = context.Background()

// serve runs until the test ends.
func serve(t *testing.T, storesFile string) pb.RemoteContentClient {
	t.Helper()
	folder, err := os.MkdirTemp("/tmp", "launch") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(folder, "socket")
	in, stop := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, socket, storesFile, in) }()
	s3test.Until(t, "the socket", func() bool { _, err := os.Stat(socket); return err == nil })
	if info, _ := os.Stat(socket); info.Mode().Perm() != 0o600 {
		t.Errorf("others reach the socket: %v", info.Mode())
	}
	conn, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		stop.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		os.RemoveAll(folder)
	})
	return pb.NewRemoteContentClient(conn)
}

func uriOf(key string) string { return "s3://" + s3test.Bucket + "/" + key }

func write(t *testing.T, client pb.RemoteContentClient, key string, content []byte, commit bool) error {
	t.Helper()
	stream, err := client.Write(ctx)
	if err != nil {
		t.Fatal(err)
	}
	uri := uriOf(key)
	for len(content) > 1<<20 {
		_ = stream.Send(&pb.WriteRequest{Uri: uri, Data: content[:1<<20]})
		uri, content = "", content[1<<20:]
	}
	_ = stream.Send(&pb.WriteRequest{Uri: uri, Data: content, Commit: commit})
	_, err = stream.CloseAndRecv()
	return err
}

func read(t *testing.T, client pb.RemoteContentClient, request *pb.ReadRequest) ([]byte, error) {
	t.Helper()
	stream, err := client.Read(ctx, request)
	if err != nil {
		t.Fatal(err)
	}
	var content []byte
	for {
		response, err := stream.Recv()
		if err == io.EOF {
			return content, nil
		}
		if err != nil {
			return content, err
		}
		content = append(content, response.Data...)
	}
}

func TestObjectsAreWrittenReadAndRemoved(t *testing.T) {
	server := s3test.Start(t)
	client := serve(t, s3test.Settings(t, server.Address))
	large := bytes.Repeat([]byte("0123456789"), 2<<20)
	for key, content := range map[string][]byte{"f/empty": {}, "f/small.html": []byte("text"), "f/deep/large": large} {
		if err := write(t, client, key, content, true); err != nil {
			t.Fatal(err)
		}
		if got, err := read(t, client, &pb.ReadRequest{Uri: uriOf(key)}); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: %d bytes, %v", key, len(got), err)
		}
	}
	if err := write(t, client, "f/half", large, false); status.Code(err) != codes.InvalidArgument {
		t.Errorf("without commit: %v", err)
	}
	if _, err := client.Stat(ctx, &pb.StatRequest{Uri: uriOf("f/half")}); status.Code(err) != codes.NotFound {
		t.Errorf("without commit: %v", err)
	}
	there, err := client.Stat(ctx, &pb.StatRequest{Uri: uriOf("f/deep/large")})
	if err != nil || there.Kind != pb.Kind_FILE || there.SizeBytes != int64(len(large)) {
		t.Fatalf("%+v, %v", there, err)
	}
	got, err := read(t, client, &pb.ReadRequest{Uri: uriOf("f/deep/large"), OffsetBytes: 5, LimitBytes: 7, Version: there.Version})
	if err != nil || string(got) != "5678901" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := read(t, client, &pb.ReadRequest{Uri: uriOf("f/deep/large"), Version: "another"}); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("%v", err)
	}
	folder, err := client.Stat(ctx, &pb.StatRequest{Uri: uriOf("f")})
	if err != nil || folder.Kind != pb.Kind_FOLDER || folder.Version == "" || folder.SizeBytes != 0 {
		t.Errorf("%+v, %v", folder, err)
	}
	list := func(recursive bool, limit int32) (names []string) {
		for token := ""; ; {
			page, err := client.List(ctx, &pb.ListRequest{Uri: uriOf("f"), Recursive: recursive, Limit: limit, PageToken: token})
			if err != nil {
				t.Fatal(err)
			}
			for _, entry := range page.Entries {
				names = append(names, entry.Name)
			}
			if token = page.NextPageToken; token == "" {
				return names
			}
		}
	}
	if names := list(false, 0); !slices.Equal(names, []string{"deep", "empty", "small.html"}) {
		t.Errorf("%v", names)
	}
	if names := list(true, 1); !slices.Equal(names, []string{"deep/large", "empty", "small.html"}) {
		t.Errorf("%v", names)
	}
	removed, err := client.Remove(ctx, &pb.RemoveRequest{Uri: uriOf("f"), Keep: []string{uriOf("f/deep")}, Limit: 1})
	if err != nil || removed.RemovedObjects != 1 || !removed.More {
		t.Errorf("%+v, %v", removed, err)
	}
	removed, err = client.Remove(ctx, &pb.RemoveRequest{Uri: uriOf("f"), Keep: []string{uriOf("f/deep")}})
	if err != nil || removed.RemovedObjects != 1 || removed.More {
		t.Errorf("%+v, %v", removed, err)
	}
	if names := list(true, 0); !slices.Equal(names, []string{"deep/large"}) {
		t.Errorf("%v", names)
	}
	if removed, err = client.Remove(ctx, &pb.RemoveRequest{Uri: uriOf("nothing")}); err != nil || removed.RemovedObjects != 0 {
		t.Errorf("%+v, %v", removed, err)
	}
}

func TestASignedURLIsGood(t *testing.T) {
	server := s3test.Start(t)
	client := serve(t, s3test.Settings(t, server.Address))
	if err := write(t, client, "k", []byte("text"), true); err != nil {
		t.Fatal(err)
	}
	signed, err := client.Sign(ctx, &pb.SignRequest{Uri: uriOf("k"), Seconds: 60, MediaType: "text/x", FileName: "a ü.txt"})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.Get(signed.Url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	if string(text) != "text" || answer.Header.Get("Content-Type") != "text/x" || !strings.HasPrefix(answer.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("%q, %v", text, answer.Header)
	}
	if _, err := client.Sign(ctx, &pb.SignRequest{Uri: uriOf("k")}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("%v", err)
	}
}

func TestAReadThatBreaksOffGoesOn(t *testing.T) {
	server := s3test.Start(t)
	proxy := badproxy.Start(t, server.Address)
	client := serve(t, s3test.Settings(t, proxy.Address))
	content := bytes.Repeat([]byte("0123456789"), 1<<20)
	if err := write(t, client, "k", content, true); err != nil {
		t.Fatal(err)
	}
	proxy.Times(3, func(r *http.Request) bool { return r.Method == http.MethodGet }, badproxy.Bad{CutDown: 0.5})
	if got, err := read(t, client, &pb.ReadRequest{Uri: uriOf("k")}); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestFailuresHaveTheirCodes(t *testing.T) {
	server := s3test.Start(t)
	proxy := badproxy.Start(t, server.Address)
	client := serve(t, s3test.Settings(t, proxy.Address))
	for _, c := range []struct {
		uri  string
		bad  badproxy.Bad
		code codes.Code
	}{
		{"file:///x", badproxy.Bad{}, codes.InvalidArgument},
		{"minio://b/k", badproxy.Bad{}, codes.FailedPrecondition},
		{uriOf("none"), badproxy.Bad{}, codes.NotFound},
		{uriOf("none"), badproxy.Bad{Status: 404, Code: "NoSuchBucket"}, codes.FailedPrecondition},
		{uriOf("none"), badproxy.Bad{Status: 403}, codes.PermissionDenied},
		{uriOf("none"), badproxy.Bad{Status: 503}, codes.Unavailable},
	} {
		proxy.Decide(func(*http.Request) badproxy.Bad { return c.bad })
		if _, err := client.Stat(ctx, &pb.StatRequest{Uri: c.uri}); status.Code(err) != c.code {
			t.Errorf("%s: %v", c.uri, err)
		}
	}
	proxy.Decide(nil)
	check, err := client.Check(ctx, &pb.CheckRequest{Uri: uriOf("root")})
	if err != nil || len(check.Calls) != 11 || check.Identity != "access key "+s3test.AccessKey {
		t.Errorf("%+v, %v", check, err)
	}
	proxy.Decide(func(r *http.Request) badproxy.Bad {
		if r.Header.Get("X-Amz-Copy-Source") != "" {
			return badproxy.Bad{Status: 403, Code: "AccessDenied"}
		}
		return badproxy.Bad{}
	})
	check, err = client.Check(ctx, &pb.CheckRequest{Uri: uriOf("root")})
	if err != nil || len(check.Calls) != 7 || check.Calls[5].Name != "CopyObject" || !strings.Contains(check.Calls[5].Error, "AccessDenied") || check.Calls[6].Error != "" {
		t.Errorf("%+v, %v", check, err)
	}
	left, err := client.Stat(ctx, &pb.StatRequest{Uri: uriOf("root")})
	if status.Code(err) != codes.NotFound {
		t.Errorf("the probe is left: %+v, %v", left, err)
	}
	described, err := client.Describe(ctx, &pb.DescribeRequest{})
	if err != nil || described.DefaultPipelineRoot != uriOf("root") || !slices.Equal(described.Prefixes, []string{uriOf("")}) {
		t.Errorf("%+v, %v", described, err)
	}
}
