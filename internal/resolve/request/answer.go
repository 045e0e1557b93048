package request

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/convert"
	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/truncate"
)

const (
	// maxAnswer is the maximum size of a definition in bytes, before base64: no object can hold a larger one.
	maxAnswer = results.ObjectLimit
	// copies is how many copies of a definition exist together: the response of the API server, the text in base64, the decoded
	// text, and the JSON.
	copies = 5
	// answerRoom is the memory for an answer of unknown size, in bytes.
	answerRoom = copies * maxAnswer
	// maxShown is the maximum length in bytes of a wrong value in a message.
	maxShown = 128
)

// The errors of an answer.
var (
	errEmpty     = errors.New("it is empty; want a definition in YAML, encoded as base64")
	errNotText   = errors.New("it is not UTF-8 after decoding base64; want a definition in YAML")
	errDocuments = errors.New("it has more than one YAML document; want exactly one definition")
)

// documentOf returns the JSON of the one document in an answer, after it has checked that the document is of the wanted kind and of
// a version that is supported. It converts a version that runs do not use.
func documentOf(data, kind string) ([]byte, error) {
	if data == "" {
		return nil, errEmpty
	}
	if limit := base64.StdEncoding.EncodedLen(maxAnswer); len(data) > limit {
		return nil, fmt.Errorf("it has %d bytes in base64, more than the limit of %d", len(data), limit)
	}
	text, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		return nil, fmt.Errorf("it is not base64: %w", err)
	}
	if !utf8.Valid(text) {
		return nil, errNotText
	}
	raw, err := single(text)
	if err != nil {
		return nil, err
	}
	version, err := checkKind(raw, kind)
	if err != nil || !convert.Converts(version, kind) {
		return raw, err
	}
	converted, err := convert.ToV1(raw)
	if err != nil {
		return nil, fmt.Errorf("cannot convert the %s from %s: %w", kind, version, err)
	}
	return converted, nil
}

// single converts the one YAML document of a text to JSON. It skips documents with comments only.
func single(text []byte) ([]byte, error) {
	var found []byte
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("it is not YAML: %w", err)
		}
		raw, err := yaml.YAMLToJSONStrict(document)
		switch {
		case err != nil:
			return nil, fmt.Errorf("it is not YAML: %s", truncate.Text(err.Error(), maxMessage))
		case string(raw) == "null":
		case found != nil:
			return nil, errDocuments
		default:
			found = raw
		}
	}
	if found == nil {
		return nil, errEmpty
	}
	return found, nil
}

// versions returns the supported versions of a kind.
func versions(kind string) []string {
	if kind == v1beta1.KindStepAction {
		return []string{v1beta1.GroupVersion.String(), v1.GroupName + "/v1alpha1"}
	}
	return []string{v1.GroupVersion.String(), convert.V1beta1}
}

// checkKind checks the kind and the version of a definition, and returns the version.
func checkKind(raw []byte, kind string) (string, error) {
	var header struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := json.Unmarshal(raw, &header); err != nil {
		return "", fmt.Errorf("it is not an object of the API, want a %s: %w", kind, err)
	}
	supported := versions(kind)
	switch {
	case header.Kind != kind:
		return "", fmt.Errorf("kind: %s, want %s", shown(header.Kind), kind)
	case !slices.Contains(supported, header.APIVersion):
		return "", fmt.Errorf("apiVersion: %s is not supported for a %s; convert it to %s",
			shown(header.APIVersion), kind, strings.Join(supported, " or "))
	}
	return header.APIVersion, nil
}

func shown(value string) string { return strconv.Quote(truncate.Text(value, maxShown)) }
