package stores

import (
	"context"
	"net/http"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"gocloud.dev/blob/azureblob"

	"github.com/penstock/penstock/launcher/failure"
	"github.com/penstock/penstock/launcher/limits"
	"github.com/penstock/penstock/launcher/settings"
	"github.com/penstock/penstock/launcher/uri"
)

// openAzure takes the settings, or AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT with AZURE_STORAGE_KEY,
// AZURE_STORAGE_SAS_TOKEN or Azure's identities.
func openAzure(ctx context.Context, name string, store settings.Store, options Options) (Bucket, error) {
	b := &cdkBucket{uri: uri.Location{Scheme: uri.Azure, Bucket: name},
		names: map[string]string{"HeadObject": "GetBlobProperties", "GetObject": "GetBlob", "PutObject": "PutBlob",
			"CopyObject": "CopyBlob", "ListObjectsV2": "ListBlobs", "DeleteObject": "DeleteBlob", "DeleteObjects": "DeleteBlob"}}
	transport, err := newTransport(store, options)
	if err != nil {
		return nil, err
	}
	client := &container.ClientOptions{ClientOptions: azcore.ClientOptions{
		Transport: &http.Client{Transport: transport},
		Retry: policy.RetryOptions{MaxRetries: int32(max(retriesOf(store), 1)), RetryDelay: limits.RetryDelayShortest,
			MaxRetryDelay: limits.RetryAfterLongest},
		Telemetry: policy.TelemetryOptions{Disabled: true},
	}}
	opened, err := b.container(store, client)
	if err != nil {
		return nil, err
	}
	if b.bucket, err = azureblob.OpenBucket(ctx, opened, nil); err != nil {
		return nil, failure.New(failure.Settings, "%s cannot be opened: %s", b.uri.BucketURI(), shortText(err.Error()))
	}
	return b, nil
}

func (b *cdkBucket) container(store settings.Store, options *container.ClientOptions) (*container.Client, error) {
	name := b.uri.Bucket
	connection, account, key := os.Getenv("AZURE_STORAGE_CONNECTION_STRING"), os.Getenv("AZURE_STORAGE_ACCOUNT"), os.Getenv("AZURE_STORAGE_KEY")
	c := store.Credentials
	var err error
	for _, named := range []struct {
		file string
		into *string
	}{{c.AzureConnectionStringFile, &connection}, {c.AzureKeyFile, &key}} {
		if named.file == "" {
			continue
		}
		if *named.into, err = (&fileText{path: named.file}).get(); err != nil {
			return nil, failure.New(failure.Denied, "%s cannot be asked: credentials cannot be read: %v", b.uri.BucketURI(), err)
		}
	}
	if c.AzureAccount != "" {
		account, connection = c.AzureAccount, ""
	}
	if connection != "" && !c.Anonymous {
		b.who, b.canSign = "connection string", true
		opened, err := container.NewClientFromConnectionString(connection, name, options)
		return opened, b.unusable(err)
	}
	url := strings.TrimSuffix(store.Endpoint, "/") + "/" + name
	if store.Endpoint == "" {
		if account == "" {
			return nil, failure.New(failure.Denied, "%s cannot be asked: there are no credentials: tried were AZURE_STORAGE_CONNECTION_STRING "+
				"and AZURE_STORAGE_ACCOUNT in the environment; the settings of stores may name others", b.uri.BucketURI())
		}
		url = "https://" + account + ".blob.core.windows.net/" + name
	} else {
		url = withScheme(url, store.DisableSSL)
	}
	switch token := os.Getenv("AZURE_STORAGE_SAS_TOKEN"); {
	case c.Anonymous:
		b.who = "nobody: anonymous"
		opened, err := container.NewClientWithNoCredential(url, options)
		return opened, b.unusable(err)
	case key != "":
		b.who, b.canSign = "key of the account "+account, true
		shared, err := azblob.NewSharedKeyCredential(account, key)
		if err != nil {
			return nil, b.unusable(err)
		}
		opened, err := container.NewClientWithSharedKeyCredential(url, shared, options)
		return opened, b.unusable(err)
	case token != "":
		b.who = "shared access signature"
		opened, err := container.NewClientWithNoCredential(url+"?"+strings.TrimPrefix(token, "?"), options)
		return opened, b.unusable(err)
	}
	b.who = "Azure's default identity"
	identity, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		return nil, b.unusable(err)
	}
	opened, err := container.NewClient(url, boundedToken{identity, b.uri.BucketURI()}, options)
	return opened, b.unusable(err)
}

// unusable leaves out what the error says, which may quote a secret.
func (b *cdkBucket) unusable(err error) error {
	if err == nil {
		return nil
	}
	return failure.New(failure.Settings, "%s cannot be opened: the %s is malformed", b.uri.BucketURI(), b.who)
}

// boundedToken does not wait long for services that are not there.
type boundedToken struct {
	azcore.TokenCredential
	bucketURI string
}

func (t boundedToken) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := within(ctx, limits.NoCredentialsTimeout, func(ctx context.Context) (azcore.AccessToken, error) {
		return t.TokenCredential.GetToken(ctx, options)
	})
	if err != nil && ctx.Err() == nil {
		err = failure.New(failure.Denied, "%s cannot be asked: there are no credentials: tried were AZURE_STORAGE_KEY, "+
			"AZURE_STORAGE_SAS_TOKEN and Azure's identities of the environment, the workload, the machine and its programs", t.bucketURI)
	}
	return token, err
}
