// Pubsub is Google's in-memory Pub/Sub (pstest, gRPC only) behind a door that speaks its REST API, so that a client of either
// finds the same topics. The door translates as Google's does (google.api.http, google.rpc.Status), keeps the limits that Pub/Sub
// documents and pstest does not, and asks for a token where it was told whose.
//
//	PUT|GET /v1/projects/P/topics/T           creates a topic, shows it
//	POST    /v1/projects/P/topics/T:publish   publishes
//	GET     /messages?topic=T                 what was published, over all runs with the same -data
//	PUT     /fault?topic=T                    answers :publish so from now on: a google.rpc.Status as JSON, or {} for no fault
package main

import (
	"bufio"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	// So that the details of a status can be named.
	_ "google.golang.org/genproto/googleapis/rpc/errdetails"
)

const (
	mostMessages = 1000
	largest      = 10_000_000
	mostValues   = 100
	longestKey   = 256
	longestValue = 1024
	longestOrder = 1024
	neededScope  = "https://www.googleapis.com/auth/pubsub"
	longestToken = time.Hour + 5*time.Minute
)

// A message as it is read back.
type message struct {
	Topic       string            `json:"topic"`
	Data        string            `json:"data"`
	Attributes  map[string]string `json:"attributes"`
	OrderingKey string            `json:"orderingKey"`
}

// The door to pstest.
type door struct {
	pubsub *pstest.GServer
	// The account whose tokens are taken; nil where none is asked for.
	account *rsa.PublicKey
	log     *os.File

	mu       sync.Mutex
	messages []message
	faults   map[string]*spb.Status
}

func main() {
	address := flag.String("address", "", "host:port to listen on")
	data := flag.String("data", ".", "folder in which messages and their topics outlive a run")
	cert := flag.String("cert", "", "certificate file; with it the door speaks HTTPS")
	key := flag.String("key", "", "the certificate's key file")
	clientCA := flag.String("client-ca", "", "authority file; with it only clients with a certificate are heard")
	account := flag.String("account", "", "PEM file of the service account's public key, whose tokens are asked for")
	flag.Parse()

	server := pstest.NewServer()
	d := &door{pubsub: &server.GServer, faults: map[string]*spb.Status{}}
	if *account != "" {
		d.account = publicKey(*account)
	}
	if err := d.open(path.Join(*data, "messages.jsonl")); err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatal(err)
	}
	if *cert != "" {
		listener = secure(listener, *cert, *key, *clientCA)
	}
	log.Fatal(http.Serve(listener, d))
}

func publicKey(file string) *rsa.PublicKey {
	text, err := os.ReadFile(file)
	if err != nil {
		log.Fatal(err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		log.Fatalf("%s holds no PEM", file)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		log.Fatal(err)
	}
	return key.(*rsa.PublicKey)
}

func secure(listener net.Listener, cert, key, clientCA string) net.Listener {
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		log.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}}
	if clientCA != "" {
		text, err := os.ReadFile(clientCA)
		if err != nil {
			log.Fatal(err)
		}
		config.ClientCAs, config.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
		config.ClientCAs.AppendCertsFromPEM(text)
	}
	return tls.NewListener(listener, config)
}

// open makes the topics of earlier runs again and reads their messages.
func (d *door) open(messages string) error {
	file, err := os.OpenFile(messages, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	d.log = file
	seen := map[string]bool{}
	for lines := bufio.NewReader(file); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return nil // The last line of a run that was killed may be half a line, whose request had no answer.
		}
		var m message
		if json.Unmarshal(line, &m) != nil {
			continue
		}
		d.messages = append(d.messages, m)
		if !seen[m.Topic] {
			seen[m.Topic] = true
			if _, err := d.pubsub.CreateTopic(context.Background(), &pubsubpb.Topic{Name: m.Topic}); err != nil {
				return err
			}
		}
	}
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, largest+1))
	name, isTopic := strings.CutPrefix(r.URL.Path, "/v1/")
	topic, isPublish := strings.CutSuffix(name, ":publish")
	switch {
	case err != nil || len(body) > largest:
		refuse(w, status.Errorf(codes.InvalidArgument, "Request payload size exceeds the limit: %d bytes.", largest))
	case r.URL.Path == "/messages":
		d.show(w, r.URL.Query().Get("topic"))
	case r.URL.Path == "/fault":
		d.setFault(w, r.URL.Query().Get("topic"), body)
	case !isTopic:
		http.NotFound(w, r)
	case !d.allows(r):
		refuse(w, status.Error(codes.Unauthenticated, "Request had invalid authentication credentials. Expected OAuth 2 access token."))
	case isPublish && r.Method == http.MethodPost:
		d.publish(w, topic, body)
	case r.Method == http.MethodPut:
		made := &pubsubpb.Topic{}
		if err := protojson.Unmarshal(body, made); err != nil {
			refuse(w, status.Error(codes.InvalidArgument, err.Error()))
			return
		}
		made.Name = name
		made, err := d.pubsub.CreateTopic(r.Context(), made)
		answer(w, made, err)
	case r.Method == http.MethodGet:
		found, err := d.pubsub.GetTopic(r.Context(), &pubsubpb.GetTopicRequest{Topic: name})
		answer(w, found, err)
	default:
		http.NotFound(w, r)
	}
}

// allows looks at the token: one that the account signed itself (AIP-4111), for the scope, and not expired.
func (d *door) allows(r *http.Request) bool {
	if d.account == nil {
		return true
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	parts := strings.Split(token, ".")
	if !ok || len(parts) != 3 {
		return false
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return false
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if rsa.VerifyPKCS1v15(d.account, crypto.SHA256, digest[:], signature) != nil {
		return false
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return false
	}
	var claims struct {
		Scope string
		Iat   int64
		Exp   int64
	}
	now := time.Now()
	return json.Unmarshal(text, &claims) == nil && strings.Contains(claims.Scope, neededScope) &&
		now.Before(time.Unix(claims.Exp, 0)) && time.Unix(claims.Exp, 0).Sub(time.Unix(claims.Iat, 0)) <= longestToken
}

func (d *door) publish(w http.ResponseWriter, topic string, body []byte) {
	request := &pubsubpb.PublishRequest{}
	if err := protojson.Unmarshal(body, request); err != nil {
		refuse(w, status.Error(codes.InvalidArgument, err.Error()))
		return
	}
	if err := within(request); err != nil {
		refuse(w, err)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if fault := d.faults[path.Base(topic)]; fault != nil {
		refuse(w, status.ErrorProto(fault))
		return
	}
	request.Topic = topic
	published, err := d.pubsub.Publish(context.Background(), request)
	if err == nil {
		err = d.keep(request)
	}
	answer(w, published, err)
}

// within holds a request against the limits of https://cloud.google.com/pubsub/quotas.
func within(request *pubsubpb.PublishRequest) error {
	if count := len(request.Messages); count == 0 || count > mostMessages {
		return status.Errorf(codes.InvalidArgument, "The value for message_count is %d, which is not between 1 and %d.", count, mostMessages)
	}
	for _, m := range request.Messages {
		switch {
		case len(m.Data) == 0 && len(m.Attributes) == 0:
			return status.Error(codes.InvalidArgument, "Some messages in the batch are empty: they must have data or attributes.")
		case len(m.Attributes) > mostValues:
			return status.Errorf(codes.InvalidArgument, "A message has more than %d attributes.", mostValues)
		case len(m.OrderingKey) > longestOrder:
			return status.Errorf(codes.InvalidArgument, "An ordering key is longer than %d bytes.", longestOrder)
		}
		for key, value := range m.Attributes {
			if key == "" || len(key) > longestKey || strings.HasPrefix(key, "goog") {
				return status.Errorf(codes.InvalidArgument, "An attribute's key is empty, longer than %d bytes, or begins with goog.", longestKey)
			}
			if len(value) > longestValue {
				return status.Errorf(codes.InvalidArgument, "An attribute's value is longer than %d bytes.", longestValue)
			}
		}
	}
	return nil
}

// keep writes what was published to the file, before the request is answered.
func (d *door) keep(request *pubsubpb.PublishRequest) error {
	var lines []byte
	for _, m := range request.Messages {
		kept := message{request.Topic, string(m.Data), m.Attributes, m.OrderingKey}
		line, err := json.Marshal(kept)
		if err != nil {
			return err
		}
		lines = append(append(lines, line...), '\n')
		d.messages = append(d.messages, kept)
	}
	_, err := d.log.Write(lines)
	return err
}

func (d *door) show(w http.ResponseWriter, topic string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	shown := []message{}
	for _, m := range d.messages {
		if path.Base(m.Topic) == topic {
			shown = append(shown, m)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(shown); err != nil {
		log.Print(err)
	}
}

func (d *door) setFault(w http.ResponseWriter, topic string, body []byte) {
	fault := &spb.Status{}
	if err := protojson.Unmarshal(body, fault); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.faults, topic)
	if fault.Code != 0 {
		d.faults[topic] = fault
	}
}

func answer(w http.ResponseWriter, m proto.Message, err error) {
	if err != nil {
		refuse(w, err)
		return
	}
	body, err := protojson.Marshal(m)
	if err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if _, err := w.Write(body); err != nil {
		log.Print(err)
	}
}

// refuse answers as Google's APIs do (AIP-193).
func refuse(w http.ResponseWriter, err error) {
	refused, _ := status.FromError(err)
	code := httpCode(refused.Code())
	details := []json.RawMessage{}
	for _, detail := range refused.Proto().Details {
		if text, err := protojson.Marshal(detail); err == nil {
			details = append(details, text)
		}
	}
	body, _ := json.Marshal(map[string]any{"error": map[string]any{
		"code":    code,
		"message": refused.Message(),
		"status":  name(refused.Code()),
		"details": details,
	}})
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	fmt.Fprintf(w, "%s\n", body)
}

// httpCode is the table of google/rpc/code.proto.
func httpCode(code codes.Code) int {
	switch code {
	case codes.OK:
		return http.StatusOK
	case codes.Canceled:
		return 499
	case codes.InvalidArgument, codes.FailedPrecondition, codes.OutOfRange:
		return http.StatusBadRequest
	case codes.Unauthenticated:
		return http.StatusUnauthorized
	case codes.PermissionDenied:
		return http.StatusForbidden
	case codes.NotFound:
		return http.StatusNotFound
	case codes.Aborted, codes.AlreadyExists:
		return http.StatusConflict
	case codes.ResourceExhausted:
		return http.StatusTooManyRequests
	case codes.Unimplemented:
		return http.StatusNotImplemented
	case codes.Unavailable:
		return http.StatusServiceUnavailable
	case codes.DeadlineExceeded:
		return http.StatusGatewayTimeout
	default:
		return http.StatusInternalServerError
	}
}

// name is the code as google/rpc/code.proto spells it: NOT_FOUND.
func name(code codes.Code) string {
	var text strings.Builder
	for at, c := range code.String() {
		if at > 0 && 'A' <= c && c <= 'Z' {
			text.WriteByte('_')
		}
		text.WriteRune(c)
	}
	return strings.ToUpper(text.String())
}
