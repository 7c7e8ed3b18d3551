locals {
  load_balancers = merge(
    var.serving.primary ? { PRIMARY = var.primary } : {},
    var.serving.dr ? { SECONDARY = var.dr } : {},
  )
  zone_id = var.hosted_zone_id != null ? var.hosted_zone_id : aws_route53_zone.this[0].zone_id

  # An AAAA record where nobody gets in by IPv6 would cost every client the wait for its first attempt.
  records = { for pair in setproduct(keys(local.load_balancers), var.ipv6 ? ["A", "AAAA"] : ["A"]) : join(" ", pair) => { role = pair[0], type = pair[1] } }
}

resource "aws_route53_zone" "this" {
  count = var.hosted_zone_id == null ? 1 : 0

  name = var.domain_name
}

resource "aws_acm_certificate" "primary" {
  count = var.serving.primary ? 1 : 0

  domain_name       = var.domain_name
  validation_method = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_acm_certificate" "dr" {
  count    = var.serving.dr ? 1 : 0
  provider = aws.dr

  domain_name       = var.domain_name
  validation_method = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}

# An account's validation record for a name is the same in every Region, so one record serves both certificates.
resource "aws_route53_record" "validation" {
  count = var.serving.primary ? 1 : 0

  zone_id         = local.zone_id
  name            = one(aws_acm_certificate.primary[0].domain_validation_options).resource_record_name
  type            = one(aws_acm_certificate.primary[0].domain_validation_options).resource_record_type
  records         = [one(aws_acm_certificate.primary[0].domain_validation_options).resource_record_value]
  ttl             = 60
  allow_overwrite = true
}

# Waits until the certificate is issued: the registrar must name this zone's servers by then.
resource "aws_acm_certificate_validation" "primary" {
  count = var.serving.primary ? 1 : 0

  certificate_arn = aws_acm_certificate.primary[0].arn
  depends_on      = [aws_route53_record.validation]
}

resource "aws_acm_certificate_validation" "dr" {
  count    = var.serving.dr ? 1 : 0
  provider = aws.dr

  certificate_arn = aws_acm_certificate.dr[0].arn
  depends_on      = [aws_route53_record.validation]
}

# Asks a service through the load balancer whether it and its tables can serve: three failures in 30 s take a Region out. The primary
# says no while another Region writes, as after a take-over: else DNS would send clients back as soon as the primary is up again.
resource "aws_route53_health_check" "this" {
  for_each = local.load_balancers

  type              = "HTTPS"
  fqdn              = each.value.host
  port              = 443
  resource_path     = var.fenced && each.key == "PRIMARY" ? "/api/posts/health/writing" : "/api/posts/health"
  request_interval  = 10
  failure_threshold = 3

  tags = { Name = "${var.domain_name} ${lower(each.key)}" }
}

resource "aws_route53_record" "this" {
  for_each = local.records

  zone_id         = local.zone_id
  name            = var.domain_name
  type            = each.value.type
  set_identifier  = lower(each.value.role)
  health_check_id = aws_route53_health_check.this[each.value.role].id

  failover_routing_policy {
    type = each.value.role
  }

  alias {
    name                   = local.load_balancers[each.value.role].dns_name
    zone_id                = local.load_balancers[each.value.role].zone_id
    evaluate_target_health = true
  }
}

moved {
  from = aws_route53_record.this["PRIMARY"]
  to   = aws_route53_record.this["PRIMARY A"]
}

moved {
  from = aws_route53_record.this["SECONDARY"]
  to   = aws_route53_record.this["SECONDARY A"]
}
