package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
)

const mostIncluded = 16 << 20

// Sprig's functions that give something else each time; those that reach outside are not there at all.
var removed = map[string]string{
	"env": "reads the environment of the head node", "expandenv": "reads the environment of the head node",
	"getHostByName": "asks the network",
}
var unrepeatable = []string{
	"date", "date_in_zone", "date_modify", "now", "htmlDate", "htmlDateInZone", "dateInZone", "dateModify", "ago",
	"must_date_modify", "mustDateModify", "randAlphaNum", "randAlpha", "randAscii", "randNumeric", "randBytes", "randInt",
	"uuidv4", "shuffle", "bcrypt", "htpasswd", "genPrivateKey", "genCA", "genCAWithKey", "genSelfSignedCert",
	"genSelfSignedCertWithKey", "genSignedCert", "genSignedCertWithKey", "encryptAES",
}

type functions struct {
	include string
	run     *run
	data    *data
	all     template.FuncMap
}

func newFunctions(include string, data *data) *functions {
	f := &functions{include: include, data: data, all: sprig.TxtFuncMap()}
	for name, why := range removed {
		f.all[name] = refusal(name, why)
	}
	for _, name := range unrepeatable {
		f.all[name] = refusal(name, "gives something else each time")
	}
	for name, function := range f.own() {
		f.all[name] = function
	}
	return f
}

func refusal(name, why string) func(...interface{}) (string, error) {
	return func(...interface{}) (string, error) {
		return "", fmt.Errorf("%s %s, which a template may not; give the node a value", name, why)
	}
}

func (f *functions) own() template.FuncMap {
	return template.FuncMap{
		"Include": f.includeFile, "IncludeFrom": f.includeFrom, "IncludeBlock": f.includeBlock,
		"ImportLink": f.importLink, "readlink": f.readLink, "basename": path.Base,
		"file": f.startFile, "softlink": f.softLink,
		"abort":    func() (string, error) { return "", errAbort },
		"nobackup": func() string { return "" }, // nothing of ours makes backups
		"inc":      func(i int) int { return i + 1 }, "dec": func(i int) int { return i - 1 },
		"UniqueField": uniqueField, "SystemdEscape": systemdEscape, "SystemdEscapePath": systemdEscapePath,
		"IgnitionJson": func() (string, error) { return ignition(f.data.Node) },
		"secret":       f.secret,
		"keys":         sortedKeys, "values": sortedValues,
		"repeat": repeat, "until": until, "untilStep": untilStep, "seq": sequence,
		"lookup": lookup, "enterTemplate": f.enter, "leaveTemplate": f.leave,
	}
}

// secret returns the value of a secret, for a node that the head node can tell from others.
func (f *functions) secret(name string) (string, error) {
	value, ok := f.data.secrets[name]
	switch {
	case !ok:
		return "", fmt.Errorf("secret %q: not found; write it with mangrovectl secret set %s", name, name)
	case f.data.given.Open:
		return "", fmt.Errorf("secret %s: not given to nodes with the trust open; set values.trust=address", name)
	}
	f.run.secrets = append(f.run.secrets, string(value))
	return string(value), nil
}

func (f *functions) enter() (string, error) {
	if f.run.depth++; f.run.depth > mostDepth {
		return "", fmt.Errorf("templates invoke each other deeper than %d; do they recurse?", mostDepth)
	}
	return "", nil
}

func (f *functions) leave() string {
	f.run.depth--
	return ""
}

func (f *functions) placeOf(name string) string {
	name = path.Clean("/" + name)
	const written = "/etc/mangrove/include/"
	if strings.HasPrefix(name, written) {
		name = name[len(written)-1:]
	}
	return filepath.Join(f.include, name)
}

// reason leaves out the path as this process sees it.
func reason(err error) error {
	var problem *os.PathError
	if errors.As(err, &problem) {
		return problem.Err
	}
	return err
}

func (f *functions) read(name string) ([]byte, error) {
	place := f.placeOf(name)
	shown := "/etc/mangrove/include" + path.Clean("/"+strings.TrimPrefix(place, f.include))
	status, err := os.Stat(place)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w; templates include only files below /etc/mangrove/include, and absolute paths begin there", shown, reason(err))
	case !status.Mode().IsRegular():
		return nil, fmt.Errorf("%s: not a regular file", shown)
	case status.Size() > mostIncluded:
		return nil, fmt.Errorf("%s: larger than %d MiB", shown, mostIncluded>>20)
	}
	contents, err := os.ReadFile(place)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; make it readable for all", shown, reason(err))
	}
	return contents, nil
}

func (f *functions) includeFile(name string) (string, error) {
	contents, err := f.read(name)
	return strings.TrimSuffix(string(contents), "\n"), err
}

func (f *functions) includeFrom(image, name string) (string, error) {
	if image == "" {
		return "", errors.New("the node has no image to include from")
	}
	return f.includeFile(path.Join("/images", path.Clean("/"+image), path.Clean("/"+name)))
}

func (f *functions) includeBlock(name, end string) (string, error) {
	contents, err := f.read(name)
	if err != nil {
		return "", err
	}
	var block bytes.Buffer
	for _, line := range strings.SplitAfter(string(contents), "\n") {
		if strings.Contains(line, end) {
			break
		}
		block.WriteString(line)
	}
	if block.Len() > 0 && !strings.HasSuffix(block.String(), "\n") {
		block.WriteByte('\n')
	}
	return block.String() + end, nil
}

// readLink follows links as long as they are there: where the last one leads to is a place on the node.
func (f *functions) readLink(name string) (string, error) {
	place := "/" + strings.TrimPrefix(f.placeOf(name), f.include)
	for i := 0; i < 40; i++ {
		target, err := os.Readlink(filepath.Join(f.include, place))
		if err != nil && i > 0 {
			return place, nil
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", name, reason(err))
		}
		if !path.IsAbs(target) {
			target = path.Join(path.Dir(place), target)
		}
		place = path.Clean(target)
	}
	return "", fmt.Errorf("%s: links lead in a circle", name)
}

func (f *functions) importLink(name string) (string, error) {
	target, err := f.readLink(name)
	if err != nil {
		return "", err
	}
	return f.softLink(target)
}

func (f *functions) startFile(name string) (string, error) {
	if name == "" {
		return "", errors.New("a file without a name")
	}
	if len(f.run.files) >= mostFiles {
		return "", fmt.Errorf("more than %d files; does it loop?", mostFiles)
	}
	f.run.finishFile()
	f.run.files = append(f.run.files, file{Name: name})
	return "", nil
}

func (f *functions) softLink(target string) (string, error) {
	if target == "" {
		return "", errors.New("a link to nowhere")
	}
	f.run.files[len(f.run.files)-1].Link = target
	return "", nil
}

func uniqueField(separator string, field int, lines string) (string, error) {
	if field < 0 {
		return "", errors.New("fields are counted from 0")
	}
	var kept []string
	seen := map[string]bool{}
	for _, line := range strings.Split(lines, "\n") {
		fields := strings.Split(line, separator)
		if field < len(fields) && fields[field] != "" {
			if seen[fields[field]] {
				continue
			}
			seen[fields[field]] = true
		}
		kept = append(kept, line)
	}
	return strings.Join(kept, "\n"), nil
}

// systemdEscape is `systemd-escape TEXT`.
func systemdEscape(plain string) string {
	var out strings.Builder
	for i := 0; i < len(plain); i++ {
		c := plain[i]
		isPlain := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == ':' || c == '_' || c == '.' && i > 0
		switch {
		case c == '/':
			out.WriteByte('-')
		case isPlain:
			out.WriteByte(c)
		default:
			fmt.Fprintf(&out, `\x%02x`, c)
		}
	}
	return out.String()
}

// systemdEscapePath is `systemd-escape --path TEXT`.
func systemdEscapePath(plain string) string {
	plain = strings.Trim(path.Clean("/"+plain), "/")
	if plain == "" {
		return "-"
	}
	return systemdEscape(plain)
}

// Sprig leaves the order of these to chance.
func sortedKeys(maps ...map[string]interface{}) []string {
	names := []string{}
	for _, one := range maps {
		for name := range one {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

func sortedValues(of map[string]interface{}) []interface{} {
	all := []interface{}{}
	for _, name := range sortedKeys(of) {
		all = append(all, of[name])
	}
	return all
}

const mostItems = 1000000

func repeat(count int, what string) (string, error) {
	if count < 0 || count > 0 && len(what) > mostOutput/count {
		return "", fmt.Errorf("repeat %d: larger than %d MiB", count, mostOutput>>20)
	}
	return strings.Repeat(what, count), nil
}

func until(count int) ([]int, error) {
	step := 1
	if count < 0 {
		step = -1
	}
	return untilStep(0, count, step)
}

func untilStep(start, stop, step int) ([]int, error) {
	items := []int{}
	if step == 0 {
		return items, nil
	}
	for i := start; step > 0 && i < stop || step < 0 && i > stop; i += step {
		if len(items) == mostItems {
			return nil, fmt.Errorf("more than %d numbers", mostItems)
		}
		items = append(items, i)
	}
	return items, nil
}

// sequence is sprig's seq: END, START END or START STEP END.
func sequence(numbers ...int) (string, error) {
	start, step, end := 1, 1, 0
	switch len(numbers) {
	case 1:
		end = numbers[0]
	case 2:
		start, end = numbers[0], numbers[1]
	case 3:
		start, step, end = numbers[0], numbers[1], numbers[2]
	default:
		return "", nil
	}
	if len(numbers) < 3 && end < start {
		step = -1
	}
	past := end + 1
	if step < 0 {
		past = end - 1
	}
	items, err := untilStep(start, past, step)
	return strings.Trim(fmt.Sprint(items), "[]"), err
}
