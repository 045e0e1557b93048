// Package resolvers is the interface between the program cmd/resolvers and each of its resolvers: git, bundles, http, hub and
// cluster. A resolver finds the definition (a Task, a Pipeline or a StepAction) that a ResolutionRequest names.
//
// The program calls a resolver in two steps. Prepare reads the params and the credentials, and returns what it would fetch,
// without a request to another host. The program then looks into its cache, waits for its turn, and calls Fetch.
package resolvers

import (
	"context"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Resolver answers the requests of one type. Its methods are called concurrently.
type Resolver interface {
	// Type returns the value of the label resolution.tekton.dev/type of its requests, such as "git".
	Type() string
	// Params returns the names of the params that Prepare reads, other than ParamCache.
	Params() []string
	// Prepare checks a request and reads its credentials. It sends requests to the API server only, through
	// request.Secrets. An error is an *Error, or counts as one that a retry can help.
	Prepare(ctx context.Context, request *Request) (*Plan, error)
}

// Request is what a ResolutionRequest asks for.
type Request struct {
	// Namespace is the namespace of the request, and of the run that made it.
	Namespace string
	// Params are the params of the reference.
	Params Params
	// Settings are the data of the resolver's ConfigMap, without keys that begin with "_". They are read-only.
	Settings map[string]string
	// Secrets reads the credentials of the namespace. It works only until Prepare returns.
	Secrets Secrets
}

// CacheMode is the value of the param "cache".
type CacheMode string

// The values of CacheMode.
const (
	// CacheAuto keeps an immutable definition, and fetches a mutable one again.
	CacheAuto CacheMode = "auto"
	// CacheAlways keeps a mutable definition as well.
	CacheAlways CacheMode = "always"
	// CacheNever fetches the definition for this request.
	CacheNever CacheMode = "never"
)

// Plan is what a resolver would fetch for a request.
type Plan struct {
	// Key identifies the definition among all of this resolver: two requests with the same key, and with the same credentials
	// if there are any, get the same definition. It has the params with their defaults, and the settings that matter. It holds
	// no credentials: the program adds what Prepare has read through Secrets.
	Key string
	// Host is the host to which Fetch connects, which has a limit of concurrent fetches. It is empty without a network.
	Host string
	// Immutable reports that the key names a definition that can never change, such as one of a commit or a digest.
	Immutable bool
	// Cache is whether the definition may come from the cache. The zero value is CacheAuto.
	Cache CacheMode
	// Fetch gets the definition. Its context ends with the timeout of one fetch. Its error is an *Error, or counts as one that
	// a retry can help.
	Fetch func(ctx context.Context) (*Resource, error)
}

// Resource is a definition as a resolver has fetched it. The program checks its content. Its owner does not change it any
// more: it may be the answer to several requests.
type Resource struct {
	// Content is the YAML or JSON of one object, with at most MaxContent bytes.
	Content []byte
	// Source is where the content came from: the URI, the digest, and the path within the place.
	Source v1.RefSource
	// Annotations are those of the answer; nil without any. The program adds those that all answers have.
	Annotations map[string]string
}

// MaxContent is the maximum size of a definition in bytes. In the status of its request it takes a third more, and must fit
// into an object of 1.5 MiB.
const MaxContent = 1 << 20
