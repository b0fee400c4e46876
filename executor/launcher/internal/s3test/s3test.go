// Package s3test runs a real S3 server for tests: the program that PENSTOCK_TEST_S3_SERVER names, versitygw.
package s3test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// What a server takes.
const (
	AccessKey = "tester"
	SecretKey = "not-a-secret"
	Bucket    = "team"
	patience  = 20 * time.Second
)

// Server is one on a port of its own, with one bucket.
type Server struct {
	Address string // host and port
	Folder  string // with a folder for each bucket
}

// Program is the path of a server's program by the environment. A test that lacks it is skipped, but not in CI.
func Program(t testing.TB, variable string) string {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		if os.Getenv("PENSTOCK_TEST_STORES") == "required" {
			t.Fatalf("%s is not set: it must name the program of the server that this test needs", variable)
		}
		t.Skipf("NOT TESTED: %s is not set, which names the program of the server that this test needs", variable)
	}
	return path
}

// FreeAddress is one that nothing listens on.
func FreeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// Run starts a program that ends with the test, and waits until it listens at the address.
func Run(t testing.TB, address string, environment []string, program string, arguments ...string) {
	t.Helper()
	command := exec.Command(program, arguments...)
	command.Env = append(os.Environ(), environment...)
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	log, err := os.Create(filepath.Join(t.TempDir(), "server.log"))
	if err != nil {
		t.Fatal(err)
	}
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Process.Kill(); _ = command.Wait(); log.Close() })
	Until(t, "the server to listen", func() bool {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// Until waits for a condition.
func Until(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// Start runs a server.
func Start(t testing.TB) *Server {
	t.Helper()
	program := Program(t, "PENSTOCK_TEST_S3_SERVER")
	s := &Server{Address: FreeAddress(t), Folder: t.TempDir()}
	Run(t, s.Address, []string{"ROOT_ACCESS_KEY=" + AccessKey, "ROOT_SECRET_KEY=" + SecretKey}, program,
		"--port", s.Address, "--quiet", "--iam-dir", t.TempDir(), "posix", s.Folder)
	_, err := s.Client().CreateBucket(context.Background(), &s3.CreateBucketInput{Bucket: aws.String(Bucket)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// AddUser lets another access key do all.
func (s *Server) AddUser(t testing.TB, accessKey, secretKey string) {
	t.Helper()
	out, err := exec.Command(Program(t, "PENSTOCK_TEST_S3_SERVER"), "admin", "--access", AccessKey, "--secret", SecretKey,
		"--endpoint-url", "http://"+s.Address, "create-user", "--access", accessKey, "--secret", secretKey, "--role", "admin").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// Client asks the server without the code under test.
func (s *Server) Client() *s3.Client {
	return s3.New(s3.Options{BaseEndpoint: aws.String("http://" + s.Address), UsePathStyle: true, Region: "us-east-1",
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: AccessKey, SecretAccessKey: SecretKey}, nil
		})})
}

// ReplaceCredentials changes the files that Settings have made.
func ReplaceCredentials(t testing.TB, settings, accessKey, secretKey string) {
	t.Helper()
	for name, text := range map[string]string{"id": accessKey, "secret": secretKey} {
		path := filepath.Join(filepath.Dir(settings), name)
		if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
			t.Error(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Error(err)
		}
	}
}

// Settings are those of stores for the bucket, asked at the address, which may be a proxy's.
func Settings(t testing.TB, address string) string {
	t.Helper()
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	id, secret := write("id", AccessKey), write("secret", SecretKey)
	return write("stores.yaml", fmt.Sprintf(`default_pipeline_root: s3://%s/root
stores:
- prefix: s3://%s/
  endpoint: http://%s
  max_retries: 3
  credentials: {access_key_id_file: %s, secret_access_key_file: %s}
`, Bucket, Bucket, address, id, secret))
}
