package image

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-ci/sluice/internal/resolve/image/guard"
	"github.com/sluice-ci/sluice/internal/truncate"
)

// giveCommand is the advice that always helps.
const giveCommand = "give the step a command"

// Owner is the run for which an image is looked up.
type Owner struct {
	types.NamespacedName

	// UID distinguishes a run from another one with the same name.
	UID types.UID
}

// Error is why an image can never be looked up, and what to do. Its text is like `spec.steps[0].image: "busybox:9": registry
// docker.io does not have it; correct the name, or give the step a command`.
type Error struct {
	// Step is the path of the step, and Image its image as the user wrote it.
	Step, Image string
	// Why is the cause, and Do what to do.
	Why, Do string
	// Cause is for the controller's log. It may contain text of a registry, so it is not in messages.
	Cause error
}

// Error implements error.
func (e *Error) Error() string {
	return fmt.Sprintf("%s.image: %q: %s; %s", e.Step, e.Image, e.Why, e.Do)
}

func (p Pull) unusable(image, why, do string) *Error {
	return &Error{Step: p.Step, Image: image, Why: why, Do: do}
}

// broken returns the error for a problem of an existing image.
func (p Pull) broken(image string, err error) *Error {
	if errors.Is(err, guard.ErrTooMuch) {
		err = tooMuch()
	}
	final := p.unusable(image, "cannot be used", giveCommand)
	var its *unusableError
	if asUnusable(err, &its) {
		final = p.unusable(image, its.why, its.do)
	}
	final.Cause = err
	return final
}

// PassingError is why one try of a lookup failed. The next one may succeed.
type PassingError struct {
	// Words are for users. They contain neither image nor step.
	Words string
	// Registry reports that a registry failed, and not the API server.
	Registry bool
	// Cause is for the controller's log. It may contain text of a registry, so it is not in messages.
	Cause error
}

// Error implements error.
func (e *PassingError) Error() string { return e.Words }

// WaitError means that a lookup has no answer yet.
type WaitError struct {
	// Image is the image as the user wrote it, and Step the path of its step.
	Image, Step string
	// Why is the cause.
	Why string
	// Tried reports that a try has failed.
	Tried bool
	// New reports that the run made its request less than a second ago, so that there may be an answer soon.
	New bool
	// Full reports that the lookup was not accepted, so that no event wakes the run.
	Full bool
}

// Error implements error.
func (e *WaitError) Error() string {
	return fmt.Sprintf("cannot look up image %q of %s yet: %s", e.Image, e.Step, e.Why)
}

// Final reports whether a retry cannot help.
func Final(err error) bool {
	var final *Error
	return errors.As(err, &final)
}

// GiveUp makes an error final after it has lasted for this time. It returns an error that is not from the registry unchanged.
func GiveUp(image string, pull Pull, err error, lasted time.Duration) error {
	var passing *PassingError
	if !errors.As(err, &passing) || !passing.Registry {
		return err
	}
	final := pull.unusable(image, fmt.Sprintf("%s for %s", passing.Words, lasted), "correct the name, or "+giveCommand)
	final.Cause = passing.Cause
	return final
}

// ForStep returns a final error for another step with the same image.
func ForStep(err error, step string) error {
	var final *Error
	if !errors.As(err, &final) {
		return err
	}
	its := *final
	its.Step = step
	return &its
}

// Details returns the details that are not in messages, for the controller's log.
func Details(err error) string {
	var (
		final   *Error
		passing *PassingError
		cause   = err
	)
	switch {
	case errors.As(err, &final) && final.Cause != nil:
		cause = final.Cause
	case errors.As(err, &passing) && passing.Cause != nil:
		cause = passing.Cause
	}
	return clipped(err.Error() + ": " + cause.Error())
}

// maxDetails is the maximum length of a log entry in bytes.
const maxDetails = 1 << 10

func clipped(text string) string {
	return truncate.Text(strings.ToValidUTF8(text, "?"), maxDetails)
}

const (
	// maxName is the maximum length of an image's name in bytes: 253 for the host, 255 for the path, 128 for the tag, and a
	// digest.
	maxName = 1024
	// maxSecrets is the maximum number of pull secrets of a pod.
	maxSecrets = 64
)

// Host returns the registry in an image's name, as users write it. The error is an *Error: such an image, or pull, is never
// looked up.
func Host(image string, pull Pull) (string, error) {
	if len(image) > maxName {
		return "", pull.unusable(truncate.Text(strings.ToValidUTF8(image, "?"), 100),
			fmt.Sprintf("the name has %d bytes, more than the limit of %d", len(image), maxName),
			"correct the name")
	}
	if len(pull.Secrets) > maxSecrets {
		return "", pull.unusable(image,
			fmt.Sprintf("the pod has %d pull secrets, more than the limit of %d", len(pull.Secrets), maxSecrets),
			"name fewer of them, or "+giveCommand)
	}
	ref, err := parse(image, pull)
	if err != nil {
		return "", err
	}
	return spoken(ref.Context().Registry), nil
}

func parse(image string, pull Pull) (name.Reference, error) {
	ref, err := name.ParseReference(strings.TrimSpace(image))
	if err != nil {
		return nil, pull.unusable(image, "is not a valid image name", "correct the name")
	}
	return ref, nil
}
