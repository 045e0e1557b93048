// Package auth serves metrics only to whom the API server lets read them: it asks the API server whose token a request
// carries, and whether they may.
package auth

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	typedauthenticationv1 "k8s.io/client-go/kubernetes/typed/authentication/v1"
	typedauthorizationv1 "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

const (
	// memory is how long a yes is believed. A no is not remembered: the right may be given at any time.
	memory = time.Minute
	// maxRemembered is how many yeses are kept; those who scrape are few.
	maxRemembered = 100
	// patience is how long the API server may take to answer.
	patience = 10 * time.Second
)

// Verdict is what the API server says of a token.
type Verdict struct {
	// User that the token is of; empty when it is nobody's.
	User string
	// Allowed says that the user may read the path.
	Allowed bool
}

// Judge asks what a token may read.
type Judge interface {
	// Verdict tells whose the token is, and whether they may get the path.
	Verdict(ctx context.Context, token, path string) (Verdict, error)
}

// JudgeFn is a function as a Judge.
type JudgeFn func(ctx context.Context, token, path string) (Verdict, error)

// Verdict calls the function.
func (f JudgeFn) Verdict(ctx context.Context, token, path string) (Verdict, error) {
	return f(ctx, token, path)
}

// Filter is the FilterProvider of a metrics server: it asks the API server of config. The controller needs the right to
// create tokenreviews and subjectaccessreviews for it.
func Filter(config *rest.Config, client *http.Client) (server.Filter, error) {
	judge, err := NewKubernetes(config, client)
	if err != nil {
		return nil, err
	}
	return func(log logr.Logger, handler http.Handler) (http.Handler, error) {
		return New(Remember(judge, clock.RealClock{}), log, handler), nil
	}, nil
}

// New returns a handler that lets those requests through to handler which judge allows.
func New(judge Judge, log logr.Logger, handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		scheme, token, _ := strings.Cut(request.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") || token == "" {
			http.Error(w, "a bearer token is needed", http.StatusUnauthorized)
			return
		}
		ctx, cancel := context.WithTimeout(request.Context(), patience)
		defer cancel()
		verdict, err := judge.Verdict(ctx, token, request.URL.Path)
		switch {
		case err != nil:
			log.Error(err, "cannot review who reads metrics")
			http.Error(w, "the API server did not say whether you may read this", http.StatusInternalServerError)
		case verdict.User == "":
			http.Error(w, "the token is nobody's", http.StatusUnauthorized)
		case !verdict.Allowed:
			http.Error(w, fmt.Sprintf("user %q may not get %q", verdict.User, request.URL.Path), http.StatusForbidden)
		default:
			handler.ServeHTTP(w, request)
		}
	})
}

// NewKubernetes returns a Judge that asks the API server of config, by way of client.
func NewKubernetes(config *rest.Config, client *http.Client) (Judge, error) {
	tokens, err := typedauthenticationv1.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, fmt.Errorf("cannot make client for token reviews: %w", err)
	}
	access, err := typedauthorizationv1.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, fmt.Errorf("cannot make client for access reviews: %w", err)
	}
	return JudgeFn(func(ctx context.Context, token, path string) (Verdict, error) {
		who, err := tokens.TokenReviews().Create(ctx,
			&authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}, metav1.CreateOptions{})
		if err != nil {
			return Verdict{}, fmt.Errorf("cannot review token: %w", err)
		}
		if !who.Status.Authenticated {
			return Verdict{}, nil
		}
		user := who.Status.User
		extra := make(map[string]authorizationv1.ExtraValue, len(user.Extra))
		for k, v := range user.Extra {
			extra[k] = authorizationv1.ExtraValue(v)
		}
		may, err := access.SubjectAccessReviews().Create(ctx,
			&authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
				NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: path, Verb: "get"},
				User:                  user.Username, Groups: user.Groups, UID: user.UID, Extra: extra,
			}}, metav1.CreateOptions{})
		if err != nil {
			return Verdict{}, fmt.Errorf("cannot review access of user %q: %w", user.Username, err)
		}
		return Verdict{User: user.Username, Allowed: may.Status.Allowed}, nil
	}), nil
}

// Remember returns a Judge that asks another one, and does not ask again within a minute of a yes.
func Remember(judge Judge, c clock.PassiveClock) Judge {
	type key struct {
		token [sha256.Size]byte // tokens themselves are not kept
		path  string
	}
	type yes struct {
		verdict Verdict
		until   time.Time
	}
	var mu sync.Mutex
	known := map[key]yes{}
	return JudgeFn(func(ctx context.Context, token, path string) (Verdict, error) {
		k := key{sha256.Sum256([]byte(token)), path}
		mu.Lock()
		before, ok := known[k]
		mu.Unlock()
		if ok && c.Now().Before(before.until) {
			return before.verdict, nil
		}
		verdict, err := judge.Verdict(ctx, token, path)
		if err != nil || !verdict.Allowed {
			return verdict, err
		}
		mu.Lock()
		defer mu.Unlock()
		if len(known) >= maxRemembered {
			clear(known)
		}
		known[k] = yes{verdict, c.Now().Add(memory)}
		return verdict, nil
	})
}
