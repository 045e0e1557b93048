package content

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
)

// Class is a class of values that differ in the space that they take in storage; docs/limits.md has the figures. A value is
// Head, copies of Body up to the given size, and Tail, so that a step can build it from three small files.
type Class struct {
	// Name of the class, which is valid as the name of a result.
	Name string
	// Type of a result that holds it: string or array.
	Type string
	// Head, Body and Tail are the parts. Body is so long that a compressor does not find its previous copy.
	Head, Body, Tail string
	// Unit is the number of bytes that must not be split.
	Unit int
}

// bodyBytes is the length of a Body: three times the window of deflate.
const bodyBytes = 96 << 10

// bodyOf repeats the output of next until it is long enough for a Body.
func bodyOf(next func(r *rand.Rand) string) string { return draw(source(bodyBytes), bodyBytes, next) }

// Classes returns the classes, from the smallest to the largest storage size.
func Classes() []Class {
	text := func(name, body string) Class { return Class{Name: name, Type: "string", Body: body, Unit: 1} }
	return []Class{
		text("base64", binary()),
		{Name: "cjk", Type: "string", Body: cjk(), Unit: 3},
		text("prose", prose()),
		{Name: "array", Type: "array", Head: "[", Body: elements(), Tail: `"end"]`, Unit: len(element(0))},
		text("json", sbom("")),
		text("json-indented", sbom("  ")),
		text("markup", table()),
		text("control", Control(bodyBytes)),
		text("brackets", brackets()),
	}
}

// Taken returns the number of bytes of bodies in a value of at most n bytes.
func (c Class) Taken(n int) int {
	return max(0, n-len(c.Head)-len(c.Tail)) / c.Unit * c.Unit
}

// Make returns the longest value of at most n bytes.
func (c Class) Make(n int) string {
	taken := c.Taken(n)
	return c.Head + strings.Repeat(c.Body, taken/len(c.Body)+1)[:taken] + c.Tail
}

// vocabulary returns invented words. The first are the most frequent, as in natural languages.
func vocabulary() (next func(r *rand.Rand) string) {
	r := source(0)
	syllables := strings.Fields("a be ca de el fi ga he in jo ka le mo na or pe ra se ti un va we")
	words := make([]string, 1500)
	for i := range words {
		for range 1 + r.IntN(4) {
			words[i] += syllables[r.IntN(len(syllables))]
		}
	}
	zipf := rand.NewZipf(r, 1.1, 4, uint64(len(words)-1))
	return func(*rand.Rand) string { return words[zipf.Uint64()] }
}

// prose returns sentences in lines of about 80 letters.
func prose() string {
	next := vocabulary()
	column := 0
	return bodyOf(func(r *rand.Rand) string {
		word, after := next(r), " "
		switch column += len(word) + 1; {
		case column > 80:
			after, column = "\n", 0
		case r.IntN(12) == 0:
			after = ", "
		}
		return word + after
	})
}

// binary returns random bytes as base64, without line breaks: nothing compresses them.
func binary() string {
	b := make([]byte, bodyBytes/4*3)
	r := source(1)
	for i := range b {
		b[i] = byte(r.UintN(256))
	}
	return base64.StdEncoding.EncodeToString(b)
}

// cjk returns characters of three bytes.
func cjk() string {
	return bodyOf(func(r *rand.Rand) string { return string(rune(0x4E00 + r.IntN(3000))) })
}

func element(i int) string {
	return fmt.Sprintf(`"registry.example.com/team/image-%06d",`, i%1000000)
}

// elements returns elements of an array, all of the same length.
func elements() string {
	var b strings.Builder
	r := source(2)
	for b.Len() < bodyBytes {
		b.WriteString(element(r.IntN(1000000)))
	}
	return b.String()
}

// sbom returns a list of components as JSON.
func sbom(indent string) string {
	type component struct {
		Type    string            `json:"type"`
		Name    string            `json:"name"`
		Version string            `json:"version"`
		PURL    string            `json:"purl"`
		Hashes  map[string]string `json:"hashes"`
	}
	next := vocabulary()
	return bodyOf(func(r *rand.Rand) string {
		name, version := next(r)+"/"+next(r), fmt.Sprintf("v%d.%d.%d", r.IntN(3), r.IntN(40), r.IntN(20))
		c := component{"library", name, version, "pkg:golang/" + name + "@" + version, map[string]string{"SHA-256": Digest(name + version)}}
		encode := json.Marshal
		if indent != "" {
			encode = func(v any) ([]byte, error) { return json.MarshalIndent(v, "", indent) }
		}
		text, err := encode(c)
		if err != nil {
			panic(err) // strings always encode
		}
		return string(text) + ","
	})
}

// table returns rows of a table in HTML.
func table() string {
	next := vocabulary()
	return bodyOf(func(r *rand.Rand) string {
		return fmt.Sprintf("<tr class=\"%s\"><td>%s</td><td>%s %s &amp; %s</td></tr>\n", next(r), next(r), next(r), next(r), next(r))
	})
}

// brackets returns only the three characters that the API server's encoder escapes.
func brackets() string {
	return bodyOf(func(r *rand.Rand) string { return string("<>&"[r.IntN(3)]) })
}
