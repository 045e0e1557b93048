// Package admission fills in defaults and refuses invalid objects before the API server stores them. What is a default
// and what is invalid stands in api/v1, in pure functions; here they meet the API server's questions.
package admission

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	admissionv1 "k8s.io/api/admission/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Where the webhooks are served; config/webhook names the same paths.
const (
	DefaultingPath = "/default"
	ValidatingPath = "/validate"
)

// Object is a pointer to an object of the API that knows its own defaults and rules.
type Object[T any] interface {
	*T
	// Default fills in what the user left out.
	Default()
	// Validate returns every rule that the object breaks.
	Validate() field.ErrorList
}

// Updatable is an Object of which not everything may change.
type Updatable[T any] interface {
	// ValidateUpdate returns every rule about changes that the one from old breaks.
	ValidateUpdate(old *T) field.ErrorList
}

// Limited is an Object with rules that depend on the settings of the installation.
type Limited interface {
	// ValidateLimits returns every such rule that the object breaks.
	ValidateLimits(l v1.Limits) field.ErrorList
}

// Kind is what the webhooks can do with the objects of one kind, as they come encoded in JSON.
type Kind struct {
	// defaulted returns an object before and after its defaults.
	defaulted func(raw []byte) (before, after []byte, err error)
	// validated returns the rules that an object breaks; old is nil unless it is an update.
	validated func(raw, old []byte) (field.ErrorList, error)
}

// Of returns the Kind of the objects of type T. limits returns those in force.
func Of[T any, P Object[T]](limits func() v1.Limits) Kind {
	rules := func(object P) field.ErrorList {
		errs := object.Validate()
		if limited, ok := any(object).(Limited); ok {
			errs = append(errs, limited.ValidateLimits(limits())...)
		}
		return errs
	}
	return Kind{
		defaulted: func(raw []byte) (before, after []byte, err error) {
			object := P(new(T))
			if err := json.Unmarshal(raw, object); err != nil {
				return nil, nil, err
			}
			before, err = json.Marshal(object)
			object.Default()
			after, errAfter := json.Marshal(object)
			return before, after, errors.Join(err, errAfter)
		},
		validated: func(raw, old []byte) (field.ErrorList, error) {
			object := P(new(T))
			if err := json.Unmarshal(raw, object); err != nil {
				return nil, err
			}
			object.Default() // the rules are about whole objects, also where the defaulting webhook was away
			errs := rules(object)
			if old == nil {
				return errs, nil
			}
			before := P(new(T))
			if err := json.Unmarshal(old, before); err != nil {
				return nil, err
			}
			before.Default()
			errs = without(errs, rules(before))
			if updatable, ok := any(object).(Updatable[T]); ok {
				errs = append(errs, updatable.ValidateUpdate(before)...)
			}
			return errs, nil
		},
	}
}

// without returns the errors that were not there before: an object from a time with fewer rules can still be changed, as
// when its run is cancelled.
func without(errs, before field.ErrorList) field.ErrorList {
	known := map[string]bool{}
	for _, err := range before {
		known[err.Error()] = true
	}
	return slices.DeleteFunc(errs, func(err *field.Error) bool { return known[err.Error()] })
}

// Kinds are the kinds that are admitted.
type Kinds map[schema.GroupKind]Kind

// Register serves both webhooks for the kinds.
func (k Kinds) Register(server webhook.Server) {
	server.Register(DefaultingPath, &admission.Webhook{Handler: admission.HandlerFunc(k.fillIn)})
	server.Register(ValidatingPath, &admission.Webhook{Handler: admission.HandlerFunc(k.judge)})
}

// errKind says that the API server asks about something that the webhooks are not for.
var errKind = errors.New("it is not admitted here; config/webhook and the controller differ in version")

func (k Kinds) kind(request admission.Request) (Kind, error) {
	kind, ok := k[schema.GroupKind{Group: request.Kind.Group, Kind: request.Kind.Kind}]
	if !ok {
		return Kind{}, fmt.Errorf("cannot admit kind %q: %w", request.Kind.Kind, errKind)
	}
	return kind, nil
}

// fillIn answers with the changes that the defaults make. They are computed between two encodings of the same type, so
// that nothing else changes.
func (k Kinds) fillIn(_ context.Context, request admission.Request) admission.Response {
	kind, err := k.kind(request)
	if err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	before, after, err := kind.defaulted(request.Object.Raw)
	if err != nil {
		// It cannot be decoded, which the schema, asked next, says of the very field. Nothing gets past both: the
		// validating webhook refuses what it cannot decode.
		return admission.Allowed("")
	}
	return admission.PatchResponseFromRaw(before, after)
}

// judge refuses an object that breaks a rule, and names every one of them.
func (k Kinds) judge(_ context.Context, request admission.Request) admission.Response {
	kind, err := k.kind(request)
	if err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	var old []byte
	if request.Operation == admissionv1.Update {
		old = request.OldObject.Raw
	}
	errs, err := kind.validated(request.Object.Raw, old)
	switch {
	case err != nil:
		return admission.Errored(http.StatusBadRequest, fmt.Errorf("cannot validate %s: %w", request.Kind.Kind, err))
	case len(errs) == 0:
		return admission.Allowed("")
	default:
		return refused(request, errs)
	}
}

func refused(request admission.Request, errs field.ErrorList) admission.Response {
	name := request.Name
	if name == "" {
		name = "with a generated name"
	}
	status := apierrors.NewInvalid(schema.GroupKind{Group: request.Kind.Group, Kind: request.Kind.Kind}, name, errs).Status()
	return admission.Response{AdmissionResponse: admissionv1.AdmissionResponse{Allowed: false, Result: &status}}
}
