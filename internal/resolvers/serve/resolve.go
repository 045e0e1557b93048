package serve

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	resolutionv1beta1 "github.com/sluice-ci/sluice/api/resolution/v1beta1"
	"github.com/sluice-ci/sluice/internal/resolvers"
	"github.com/sluice-ci/sluice/internal/resolvers/dispatch"
	"github.com/sluice-ci/sluice/internal/resolvers/settings"
)

const (
	// preparing is the maximum time of Prepare, which sends requests to the API server only.
	preparing = 20 * time.Second
	// firstBackoff is the delay after the first failure. It doubles up to maxBackoff.
	firstBackoff = time.Second
	maxBackoff   = 20 * time.Second
)

// tries resolves requests.
type tries struct {
	live      client.Reader
	pool      *dispatch.Pool
	resolvers map[string]resolvers.Resolver
	settings  func() *settings.Settings
	timeout   time.Duration
	panicked  func(value any, stack string)
}

// answer is the outcome of a request: a definition, or the failure.
type answer struct {
	resource *resolvers.Resource
	failure  *resolvers.Error
	// release returns the slot of the definition; nil without a definition.
	release func()
}

// done returns the slot of the definition.
func (a answer) done() {
	if a.release != nil {
		a.release()
	}
}

// resolve tries until there is a definition or a failure that no retry can help, or until the timeout. It returns false if ctx
// has ended before: then there is no answer to write. The caller must call done of the answer once it is written.
func (t *tries) resolve(ctx context.Context, request *resolutionv1beta1.ResolutionRequest, resolver string) (answer, bool) {
	timeout := max(t.timeout, t.settings().Timeout(resolver))
	timed, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var last *resolvers.Error
	for attempt := 1; ; attempt++ {
		found, release, err := t.try(timed, request, resolver)
		if err == nil {
			return answer{resource: found, release: release}, true
		}
		if timed.Err() == nil {
			if last = asError(err); !last.Retry {
				return answer{failure: t.hinted(request, resolver, last)}, true
			}
		}
		timer := time.NewTimer(backoff(attempt))
		select {
		case <-timer.C:
		case <-timed.Done():
			timer.Stop()
			return answer{failure: t.hinted(request, resolver, timedOut(timeout, last))}, ctx.Err() == nil
		}
	}
}

// try makes one try.
func (t *tries) try(ctx context.Context, request *resolutionv1beta1.ResolutionRequest, resolver string) (
	found *resolvers.Resource, release func(), err error,
) {
	in := t.settings()
	read := &secrets{reader: t.live, namespace: request.Namespace}
	plan, err := t.prepare(ctx, t.resolvers[resolver], request, read, in.Of(resolver))
	credentials := read.seal()
	if err != nil {
		return nil, nil, err
	}
	return t.pool.Do(ctx, dispatch.Job{
		Resolver: resolver, Namespace: request.Namespace, Plan: plan, Timeout: in.Timeout(resolver),
		Credentials: t.pool.Credentials(request.Namespace, credentials),
	})
}

var errPanic = errors.New("the resolver panicked")

// prepare calls the resolver. It recovers from a panic, so that one request cannot end the program.
func (t *tries) prepare(ctx context.Context, resolver resolvers.Resolver, request *resolutionv1beta1.ResolutionRequest,
	read resolvers.Secrets, data map[string]string) (plan *resolvers.Plan, err error) {
	defer func() {
		if value := recover(); value != nil {
			t.panicked(value, string(debug.Stack()))
			plan, err = nil, resolvers.Failed(errPanic, "the resolver could not read the request; see the log of the resolvers")
		}
	}()
	if request.Spec.URL != "" && len(request.Spec.Params) == 0 {
		return nil, resolvers.Invalid("cannot use spec.url: the resolver %q has params only", resolver.Type())
	}
	params, err := resolvers.NewParams(request.Spec.Params)
	if err != nil {
		return nil, err
	}
	timed, cancel := context.WithTimeout(ctx, preparing)
	defer cancel()
	return resolver.Prepare(timed, &resolvers.Request{Namespace: request.Namespace, Params: params, Settings: data, Secrets: read})
}

// hinted adds to a failure that the request has a param without effect, which may be the cause. The failure may be shared with
// other requests, so it is not changed.
func (t *tries) hinted(request *resolutionv1beta1.ResolutionRequest, resolver string, failure *resolvers.Error) *resolvers.Error {
	params, err := resolvers.NewParams(request.Spec.Params)
	if err != nil {
		return failure // it says what is wrong with the params
	}
	hint := params.Unknown(t.resolvers[resolver].Params())
	if hint == "" {
		return failure
	}
	with := *failure
	with.Message += "; " + hint
	return &with
}

// asError returns the error for users.
func asError(err error) *resolvers.Error {
	if typed, ok := errors.AsType[*resolvers.Error](err); ok {
		return typed
	}
	return resolvers.Unavailable(err, "the definition could not be fetched; see the log of the resolvers")
}

// timedOut returns the failure of a request without an answer in time.
func timedOut(timeout time.Duration, last *resolvers.Error) *resolvers.Error {
	failure := &resolvers.Error{Reason: resolvers.ReasonTimedOut, Message: fmt.Sprintf("there was no answer within %s", timeout)}
	if last != nil {
		failure.Message += ": " + last.Message
		failure.Cause = last.Cause
	}
	return failure
}

// backoff returns the delay after this many failed tries.
func backoff(attempts int) time.Duration {
	wait := firstBackoff
	for range attempts - 1 {
		if wait *= 2; wait >= maxBackoff {
			return maxBackoff
		}
	}
	return wait
}
