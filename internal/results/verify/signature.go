package verify

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"

	"github.com/sluice-ci/sluice/internal/results/signature"
)

// verified returns the statement of a step after it has verified that the identity of the run signed it. The certificates
// must be valid at the time of signing that the step states, and not now: SPIFFE certificates are valid for an hour or less,
// and steps may run for days. About checks the stated time.
func (v *verifier) verified(step string, signed signature.Signed) (signature.Statement, *Verdict) {
	statement, err := signature.ParseStatement(signed.Statement)
	if err != nil {
		return statement, refused(SignatureMalformed, "the signature of step %q is malformed: %v", step, err)
	}
	certificates := make([]*x509.Certificate, len(signed.Chain))
	for i, der := range signed.Chain {
		if certificates[i], err = x509.ParseCertificate(der); err != nil {
			return statement, refused(SignatureMalformed, "certificate %d of step %q is invalid: %v", i, step, err)
		}
	}
	want, err := spiffeid.FromPath(v.trust.Domain, v.want.Identity)
	if err != nil {
		return statement, refused(IdentityWrong, "%q is not the path of a SPIFFE ID: %v", v.want.Identity, err)
	}
	id, _, err := x509svid.Verify(certificates, v.trust.Bundle, x509svid.WithTime(statement.At))
	switch {
	case !id.IsZero() && id != want:
		return statement, refused(IdentityWrong, "step %q signed as %q, but the identity of this run is %q", step, id, want)
	case err != nil:
		return statement, refused(IdentityUntrusted,
			"step %q signed with a certificate that the trust bundle of %q does not verify at %s: %v",
			step, v.trust.Domain, statement.At, err)
	}
	leaf := certificates[0]
	if leaf.KeyUsage != 0 && leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return statement, refused(IdentityUntrusted, "the certificate of step %q is not for signatures", step)
	}
	if err := leaf.CheckSignature(algorithm(leaf), signature.ToSign(signed.Statement), signed.Proof); err != nil {
		return statement, refused(SignatureInvalid, "the signature of step %q is invalid: %v", step, err)
	}
	return statement, nil
}

// algorithm returns the signature algorithm for a key of this type. A signature does not contain its algorithm.
func algorithm(leaf *x509.Certificate) x509.SignatureAlgorithm {
	switch leaf.PublicKey.(type) {
	case *ecdsa.PublicKey:
		return x509.ECDSAWithSHA256
	case *rsa.PublicKey:
		return x509.SHA256WithRSAPSS
	case ed25519.PublicKey:
		return x509.PureEd25519
	}
	return x509.UnknownSignatureAlgorithm
}
