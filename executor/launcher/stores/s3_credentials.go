package stores

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"

	"github.com/penstock/penstock/launcher/failure"
	"github.com/penstock/penstock/launcher/limits"
	"github.com/penstock/penstock/launcher/settings"
)

// noCredentials says which ways were tried.
type noCredentials struct {
	text  string
	cause error
}

func (n *noCredentials) Error() string { return n.text }
func (n *noCredentials) Unwrap() error { return n.cause }

const defaultRegion = "us-east-1"

const triedByAWS = "there are no credentials: tried were AWS_ACCESS_KEY_ID in the environment, the profile of ~/.aws, " +
	"AWS_WEB_IDENTITY_TOKEN_FILE, the container's and the machine's own; the settings of stores may name others"

// s3Credentials are one of the ways of settings.Credentials.
type s3Credentials struct {
	provider  aws.CredentialsProvider
	anonymous bool
	how       string
}

// loadAWS reads region, endpoint and credentials. It makes no call.
func loadAWS(ctx context.Context, store settings.Store) (aws.Config, *s3Credentials, error) {
	c := store.Credentials
	if store.Endpoint != "" && (c.Anonymous || c.AccessKeyIDFile != "" || c.AccessKeyIDEnv != "") {
		// All is said. AWS' own files and certificates take longer to read than a small object.
		region := cmp.Or(store.Region, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"), defaultRegion)
		return aws.Config{Region: region}, credentialsOf(c, nil), nil
	}
	options := []func(*config.LoadOptions) error{
		config.WithEC2RoleCredentialOptions(func(o *ec2rolecreds.Options) {
			o.Client = metadataClient()
		}),
	}
	if store.Region != "" {
		options = append(options, config.WithRegion(store.Region))
	}
	if store.Credentials.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(store.Credentials.Profile))
	}
	loaded, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return aws.Config{}, nil, failure.New(failure.Settings, "AWS' own configuration makes no sense: %s", shortText(err.Error()))
	}
	if loaded.Region == "" {
		loaded.Region = defaultRegion
	}
	return loaded, credentialsOf(store.Credentials, loaded.Credentials), nil
}

// metadataClient asks the machine's own service, which may be none, not for as long as AWS' client would.
func metadataClient() *imds.Client {
	options := imds.Options{HTTPClient: &http.Client{Timeout: limits.MetadataServerTimeout}, Retryer: aws.NopRetryer{},
		Endpoint: os.Getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT")}
	if strings.EqualFold(os.Getenv("AWS_EC2_METADATA_DISABLED"), "true") {
		options.ClientEnableState = imds.ClientDisabled
	}
	return imds.New(options)
}

func credentialsOf(c settings.Credentials, own aws.CredentialsProvider) *s3Credentials {
	switch {
	case c.Anonymous:
		return &s3Credentials{provider: aws.AnonymousCredentials{}, anonymous: true, how: "nobody: anonymous"}
	case c.AccessKeyIDFile != "":
		f := &fileCredentials{id: fileText{path: c.AccessKeyIDFile}, secret: fileText{path: c.SecretAccessKeyFile}}
		if c.SessionTokenFile != "" {
			f.token = &fileText{path: c.SessionTokenFile}
		}
		return &s3Credentials{provider: f}
	case c.AccessKeyIDEnv != "":
		return &s3Credentials{provider: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			id, secret := os.Getenv(c.AccessKeyIDEnv), os.Getenv(c.SecretAccessKeyEnv)
			if id == "" || secret == "" {
				return aws.Credentials{}, &noCredentials{text: "there are no credentials: the environment lacks " + c.AccessKeyIDEnv +
					" or " + c.SecretAccessKeyEnv + ", which the settings of stores name"}
			}
			return aws.Credentials{AccessKeyID: id, SecretAccessKey: secret}, nil
		})}
	}
	return &s3Credentials{provider: &ownCredentials{own}}
}

// fileCredentials are those of files.
type fileCredentials struct {
	id, secret fileText
	token      *fileText
}

func (f *fileCredentials) Retrieve(context.Context) (aws.Credentials, error) {
	var out aws.Credentials
	var err error
	for _, part := range []struct {
		file *fileText
		into *string
	}{{&f.id, &out.AccessKeyID}, {&f.secret, &out.SecretAccessKey}, {f.token, &out.SessionToken}} {
		if part.file == nil {
			continue
		}
		if *part.into, err = part.file.get(); err != nil {
			return aws.Credentials{}, &noCredentials{text: "credentials cannot be read: " + err.Error(), cause: err}
		}
		if *part.into == "" {
			return aws.Credentials{}, &noCredentials{text: "there are no credentials: the file " + part.file.path + " is empty"}
		}
	}
	return out, nil
}

// ownCredentials are found as AWS' programs find them.
type ownCredentials struct{ chain aws.CredentialsProvider }

func (o *ownCredentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	found, err := o.chain.Retrieve(ctx)
	if err != nil && !errors.Is(ctx.Err(), context.Canceled) {
		return found, &noCredentials{text: triedByAWS, cause: err}
	}
	return found, err
}

// refresh forgets what is kept, so that the next call looks again.
func (c *s3Credentials) refresh() {
	if own, is := c.provider.(*ownCredentials); is {
		if cache, is := own.chain.(*aws.CredentialsCache); is {
			cache.Invalidate()
		}
	}
}

func (c *s3Credentials) identity(ctx context.Context) string {
	if c.how != "" {
		return c.how
	}
	found, err := c.provider.Retrieve(ctx)
	if err != nil {
		return "nobody: no credentials"
	}
	return "access key " + found.AccessKeyID
}
