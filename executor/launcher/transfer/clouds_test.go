package transfer

import (
	"context"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/penstock/penstock/launcher/content"
	"github.com/penstock/penstock/launcher/failure"
	"github.com/penstock/penstock/launcher/internal/s3test"
	"github.com/penstock/penstock/launcher/settings"
	"github.com/penstock/penstock/launcher/stores"
	"github.com/penstock/penstock/launcher/uri"
)

// Azurite's own account, which is in its documents.
const azuriteKey = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

func TestGoogleCloudStorage(t *testing.T) {
	program := s3test.Program(t, "PENSTOCK_TEST_GCS_SERVER")
	address := s3test.FreeAddress(t)
	host, port, _ := net.SplitHostPort(address)
	s3test.Run(t, address, nil, program, "-scheme", "http", "-host", host, "-port", port, "-public-host", address, "-backend", "memory")
	answer, err := http.Post("http://"+address+"/storage/v1/b?project=p", "application/json", strings.NewReader(`{"name":"team"}`))
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", answer, err)
	}
	answer.Body.Close()
	t.Setenv("STORAGE_EMULATOR_HOST", address)
	roundTrip(t, "gs")
}

func TestAzureBlobStorage(t *testing.T) {
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("NOT TESTED: there is no npm, with which azurite is installed")
	}
	program := s3test.Program(t, "PENSTOCK_TEST_AZURITE")
	address := s3test.FreeAddress(t)
	host, port, _ := net.SplitHostPort(address)
	s3test.Run(t, address, nil, program, "--blobHost", host, "--blobPort", port, "--location", t.TempDir(), "--silent", "--skipApiVersionCheck")
	connection := "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=" + azuriteKey + ";BlobEndpoint=http://" + address + "/devstoreaccount1;"
	client, err := container.NewClientFromConnectionString(connection, "team", nil)
	if err == nil {
		_, err = client.Create(context.Background(), nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("AZURE_STORAGE_CONNECTION_STRING", connection)
	roundTrip(t, "azblob")
}

// roundTrip is what every store must do.
func roundTrip(t *testing.T, scheme string) {
	ctx := context.Background()
	at := func(key string) uri.Location { return uri.Location{Scheme: scheme, Bucket: "team", Key: key} }
	root := at("root")
	tr := New(stores.NewOpener(&settings.Settings{}, stores.Options{}), &root, &Progress{}, nil)
	bucket, err := tr.Opener.Open(ctx, root)
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(t.TempDir(), "folder")
	write(t, folder+"/a b/ü", "text")
	write(t, folder+"/empty", "")
	noise(t, folder+"/large", 40<<20)
	for name, path := range map[string]string{"file": folder + "/large", "folder": folder, "small": folder + "/a b/ü", "empty": folder + "/empty"} {
		done := put(t, tr, path, at("one/"+name))
		there, err := content.Stat(ctx, bucket, at("one/"+name))
		if err != nil || there.Version != done.Version {
			t.Errorf("%s: %+v is not %+v, %v", name, there, done, err)
		}
		if there.Kind == content.File && there.SHA256 != done.SHA256 {
			t.Errorf("%s: the hash is not with it: %+v", name, there)
		}
		get(t, tr, at("one/"+name), path+".back", done.SHA256)
		again := put(t, tr, path, at("two/"+name))
		if name != "small" && again.MovedBytes != 0 {
			t.Errorf("%s again: %+v", name, again)
		}
		get(t, tr, at("two/"+name), path+".back2", done.SHA256)
	}
	object, err := bucket.Get(ctx, "one/file", stores.Range{OffsetBytes: 5, LimitBytes: 7})
	if err != nil || object.SizeBytes != 40<<20 || object.Version == "" {
		t.Fatalf("%+v, %v", object, err)
	}
	object.Body.Close()
	put(t, tr, folder+"/empty", at("one/file"))
	if _, err := bucket.Get(ctx, "one/file", stores.Range{Version: object.Version}); !failure.Is(err, failure.Precondition) {
		t.Errorf("another version: %v", err)
	}
	writer := bucket.NewWriter(ctx, "given up", stores.Put{})
	_, _ = writer.Write([]byte("text"))
	writer.Abort()
	if _, err := bucket.Head(ctx, "given up"); !failure.Is(err, failure.NotFound) {
		t.Errorf("what was given up is there: %v", err)
	}
	entries, _, err := content.List(ctx, bucket, at("one"), false, "", 100)
	if err != nil || len(entries) != 4 || entries[2].Kind != content.Folder {
		t.Errorf("%+v, %v", entries, err)
	}
	if removed, err := content.Remove(ctx, bucket, at("one"), []uri.Location{at("one/small")}, 0); err != nil || removed.Objects < 5 {
		t.Errorf("%+v, %v", removed, err)
	}
	if _, err := content.Stat(ctx, bucket, at("one/small")); err != nil {
		t.Error(err)
	}
	if _, err := content.Stat(ctx, bucket, at("one/folder")); !failure.Is(err, failure.NotFound) {
		t.Errorf("%v", err)
	}
	nowhere, err := tr.Opener.Open(ctx, uri.Location{Scheme: scheme, Bucket: "nowhere"})
	if err == nil {
		_, err = content.Stat(ctx, nowhere, uri.Location{Scheme: scheme, Bucket: "nowhere", Key: "k"})
	}
	if !failure.Is(err, failure.NoBucket) && !failure.Is(err, failure.NotFound) {
		t.Errorf("no bucket: %v", err)
	}
	t.Log(err)
}
