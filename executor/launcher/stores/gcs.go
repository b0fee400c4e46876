package stores

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"time"

	"cloud.google.com/go/storage"
	gax "github.com/googleapis/gax-go/v2"
	"gocloud.dev/blob/gcsblob"
	"gocloud.dev/gcp"
	"golang.org/x/oauth2/google"
	"google.golang.org/api/option"

	"github.com/penstock/penstock/launcher/failure"
	"github.com/penstock/penstock/launcher/limits"
	"github.com/penstock/penstock/launcher/settings"
	"github.com/penstock/penstock/launcher/uri"
)

const googleScope = "https://www.googleapis.com/auth/devstorage.read_write"

// openGCS finds credentials as Google's programs do. STORAGE_EMULATOR_HOST, which Google's client heeds, needs none.
func openGCS(ctx context.Context, name string, store settings.Store, options Options) (Bucket, error) {
	b := &cdkBucket{uri: uri.Location{Scheme: uri.GCS, Bucket: name}, who: "nobody: anonymous",
		names: map[string]string{"HeadObject": "objects.get", "GetObject": "objects.get", "PutObject": "objects.insert",
			"CopyObject": "objects.copy", "ListObjectsV2": "objects.list", "DeleteObject": "objects.delete", "DeleteObjects": "objects.delete"}}
	transport, err := newTransport(store, options)
	if err != nil {
		return nil, err
	}
	client := &gcp.HTTPClient{Client: http.Client{Transport: transport}}
	opening := &gcsblob.Options{}
	if os.Getenv("STORAGE_EMULATOR_HOST") == "" && !store.Credentials.Anonymous {
		credentials, err := googleCredentials(store.Credentials.GoogleCredentialsFile)
		if err != nil {
			return nil, failure.New(failure.Denied, "%s cannot be asked: %s", b.uri.BucketURI(), err)
		}
		b.who = "Google's application default credentials"
		var key struct {
			Email      string `json:"client_email"`
			PrivateKey string `json:"private_key"`
		}
		if json.Unmarshal(credentials.JSON, &key) == nil && key.PrivateKey != "" {
			b.canSign, b.who = true, "service account "+key.Email
			opening.GoogleAccessID, opening.PrivateKey = key.Email, []byte(key.PrivateKey)
		}
		if client, err = gcp.NewHTTPClient(transport, credentials.TokenSource); err != nil {
			return nil, failure.New(failure.Settings, "%s cannot be asked: %v", b.uri.BucketURI(), err)
		}
	}
	if store.Endpoint != "" {
		opening.ClientOptions = append(opening.ClientOptions, option.WithEndpoint(withScheme(store.Endpoint, store.DisableSSL)))
	}
	if b.bucket, err = gcsblob.OpenBucket(ctx, client, name, opening); err != nil {
		return nil, failure.New(failure.Settings, "%s cannot be opened: %s", b.uri.BucketURI(), shortText(err.Error()))
	}
	var google *storage.Client
	if b.bucket.As(&google) {
		google.SetRetry(storage.WithMaxAttempts(retriesOf(store)+1), storage.WithPolicy(storage.RetryAlways), storage.WithBackoff(gax.Backoff{
			Initial: limits.RetryDelayShortest, Max: limits.RetryDelayLongest, Multiplier: 2}))
	}
	return b, nil
}

func retriesOf(store settings.Store) int {
	if store.MaxRetries != nil {
		return *store.MaxRetries
	}
	return limits.Retries
}

// googleCredentials are those of the file, or else found. The search does not end with a call's context, since the
// tokens come from it for as long as the bucket is open.
func googleCredentials(file string) (*google.Credentials, error) {
	if file != "" {
		text, err := settings.ReadBounded(file)
		if err != nil {
			return nil, failure.New(failure.Denied, "its credentials cannot be read: %v", err)
		}
		//lint:ignore SA1019 the file is the user's own, whatever type of credentials it has
		credentials, err := google.CredentialsFromJSON(context.Background(), text, googleScope) //nolint:staticcheck
		if err != nil {
			return nil, failure.New(failure.Denied, "its credentials in %s make no sense: %s", file, shortText(err.Error()))
		}
		return credentials, nil
	}
	credentials, err := within(context.Background(), limits.NoCredentialsTimeout-200*time.Millisecond,
		func(context.Context) (*google.Credentials, error) {
			return google.FindDefaultCredentials(context.Background(), googleScope)
		})
	if err != nil {
		return nil, failure.New(failure.Denied, "there are no credentials: tried were GOOGLE_APPLICATION_CREDENTIALS, gcloud's own in "+
			"the home directory, and the machine's; the settings of stores may name others")
	}
	return credentials, nil
}
