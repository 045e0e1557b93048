package sidecar

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/sluice-ci/sluice/internal/inpod/rundir"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/results/signature"
)

// signatures writes the signatures of the steps: each certificate once, before the first signature that needs it. It verifies
// nothing. A malformed signature becomes one with a problem.
func (e *emitter) signatures() error {
	if !e.options.Signatures {
		return nil
	}
	var packer signature.Packer
	for i, step := range e.options.Steps {
		signed, err := readSigned(e.options.stepDir(i))
		if errors.Is(err, fs.ErrNotExist) {
			continue // the verifier reports it as missing
		}
		if err != nil {
			signed = signature.Unsigned(err)
		}
		certificates, document, err := packer.Pack(signed)
		if err != nil {
			return fmt.Errorf("cannot write signature of step %q: %w", step, err)
		}
		for _, der := range certificates {
			if err := e.out.Certificate(der); err != nil {
				return fmt.Errorf("cannot write certificate of step %q: %w", step, err)
			}
		}
		if err := e.out.Signature(frame.Signature{Step: step, Document: document}); err != nil {
			return fmt.Errorf("cannot write signature of step %q: %w", step, err)
		}
	}
	return nil
}

func readSigned(dir string) (signature.Signed, error) {
	document, err := rundir.ReadSignature(dir)
	if err != nil {
		return signature.Signed{}, err
	}
	return signature.Parse(document)
}
