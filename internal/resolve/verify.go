package resolve

import (
	"context"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/trust"
)

// Verifier verifies the signatures of definitions by the policies of a namespace. The error is one that may be transient.
type Verifier interface {
	Check(ctx context.Context, namespace string, d trust.Definition) (trust.Verdict, error)
}

// UntrustedError is the error of a definition that must not be used, because it has no valid signature. It wraps ErrUnresolvable.
type UntrustedError struct{ message string }

func (e *UntrustedError) Error() string { return e.message }

// Unwrap returns ErrUnresolvable.
func (e *UntrustedError) Unwrap() error { return ErrUnresolvable }

// Verified makes the Resolver verify each definition that a resolver finds, before anything of it is used.
func (r *Resolver) Verified(v Verifier) *Resolver {
	r.verifier = v
	return r
}

// verify verifies a definition. It is the object that the run uses, and not a text that is decoded again.
func (r *Resolver) verify(ctx context.Context, kind string, run Run, source *v1.RefSource, found client.Object) error {
	if r.verifier == nil {
		return nil
	}
	definition := trust.Definition{Kind: kind, Name: found.GetName(), Object: found}
	if source != nil {
		definition.Source = source.URI
	}
	verdict, err := r.verifier.Check(ctx, run.Object.GetNamespace(), definition)
	if err != nil {
		return fmt.Errorf("cannot verify %s: %w", definition, err)
	}
	run.Trust.Add(verdict)
	if verdict.Result == trust.Refused {
		return &UntrustedError{verdict.Message}
	}
	return nil
}

// ReasonFor returns the reason of a run that ends because of err: that of a definition that is not trusted, and otherwise for all
// other errors.
func ReasonFor(err error, otherwise string) string {
	if _, untrusted := errors.AsType[*UntrustedError](err); untrusted {
		return v1.TaskRunReasonResourceVerificationFailed
	}
	return otherwise
}

// TrustCondition returns the condition of a run for the verdict about its definitions; nil if they needed no signature.
func TrustCondition(v trust.Verdict) *metav1.Condition {
	switch {
	case v.Result == trust.Skipped:
		return nil
	case v.Result == trust.Verified:
		return new(v1.TrustedResources(true, v1.TrustedResourcesReasonVerified, v.Message))
	case v.NoPolicy:
		return new(v1.TrustedResources(false, v1.TrustedResourcesReasonNoPolicy, v.Message))
	default:
		return new(v1.TrustedResources(false, v1.TaskRunReasonResourceVerificationFailed, v.Message))
	}
}
