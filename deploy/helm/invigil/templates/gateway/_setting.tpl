{{- /* Who gets in, and what they are told: settings that are not given are left to the gateway. */ -}}
{{- define "invigil.gatewayAccess" -}}
{{- if .auth.sharedSecret }}
- name: GATEWAY_JWT_SECRET_FILE
  value: /run/secrets/invigil/jwt-secret
{{- else }}
- name: GATEWAY_RESUME_SECRET_FILE
  value: /run/secrets/invigil/resume-secret
{{- end }}
{{- with .auth.jwksUrl }}
- name: GATEWAY_JWKS_URL
  value: {{ . | quote }}
{{- end }}
{{- with .auth.issuer }}
- name: GATEWAY_JWT_ISSUER
  value: {{ . | quote }}
{{- end }}
{{- with .auth.audience }}
- name: GATEWAY_JWT_AUDIENCE
  value: {{ . | quote }}
{{- end }}
{{- with .ice.stunUrls }}
- name: GATEWAY_STUN_URLS
  value: {{ join "," . | quote }}
{{- end }}
{{- if .ice.turnUrls }}
- name: GATEWAY_TURN_URLS
  value: {{ join "," .ice.turnUrls | quote }}
- name: GATEWAY_TURN_SECRET_FILE
  value: /run/secrets/invigil/turn-secret
- name: GATEWAY_TURN_TTL_S
  value: {{ .ice.turnTtlSeconds | int64 | quote }}
{{- end }}
{{- with .allowedOrigins }}
- name: GATEWAY_ALLOWED_ORIGINS
  value: {{ join "," . | quote }}
{{- end }}
{{- with .trustedProxies }}
- name: GATEWAY_TRUSTED_PROXIES
  value: {{ join "," . | quote }}
{{- end }}
{{- end -}}

{{- /* Takes gateway.limits. */ -}}
{{- define "invigil.gatewayLimits" -}}
- name: GATEWAY_MAX_CONNECTIONS
  value: {{ .connections | int64 | quote }}
- name: GATEWAY_MAX_HTTP_CONNECTIONS
  value: {{ .httpConnections | int64 | quote }}
- name: GATEWAY_CONNECTIONS_PER_ADDRESS
  value: {{ .connectionsPerAddress | int64 | quote }}
- name: GATEWAY_CONNECTS_PER_ADDRESS_PER_S
  value: {{ .connectsPerAddressPerSecond | quote }}
- name: GATEWAY_CONNECT_BURST_PER_ADDRESS
  value: {{ .connectBurstPerAddress | int64 | quote }}
- name: GATEWAY_MESSAGES_PER_ADDRESS_PER_S
  value: {{ .messagesPerAddressPerSecond | quote }}
- name: GATEWAY_MESSAGE_BURST_PER_ADDRESS
  value: {{ .messageBurstPerAddress | int64 | quote }}
- name: GATEWAY_MESSAGES_PER_S
  value: {{ .messagesPerSecond | quote }}
- name: GATEWAY_MESSAGE_BURST
  value: {{ .messageBurst | int64 | quote }}
- name: GATEWAY_MAX_MESSAGE_BYTES
  value: {{ .messageBytes | int64 | quote }}
{{- end -}}
