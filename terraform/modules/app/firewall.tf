locals {
  # A query of the contract holds at most 100 ids of 64 characters: 6,899 bytes as `ids=…&ids=…`. AWS's own rule allows 2,048.
  longest_query = 8192

  # AWS's rules by name, as https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html lists them; a
  # rule that AWS adds later blocks with its own bare 403 until it is listed here.
  #
  # What a person writes in a post is data: never rendered by us, never run, never a path or an address that we follow. So rules on
  # the body only count: they would refuse long posts (over 8 KB) and posts that quote code. The same for a client without
  # User-Agent, which HTTP allows, and for AWS's limit of the query, in whose place there is one that fits.
  managed_rules = {
    AWSManagedRulesAmazonIpReputationList = {
      priority = 10
      counted  = ["AWSManagedIPDDoSList"]
      blocked  = ["AWSManagedIPReputationList", "AWSManagedReconnaissanceList"]
    }
    AWSManagedRulesKnownBadInputsRuleSet = {
      priority = 11
      counted  = ["JavaDeserializationRCE_BODY", "Log4JRCE_BODY", "ReactJSRCE_BODY"]
      blocked = [
        "JavaDeserializationRCE_HEADER", "JavaDeserializationRCE_URIPATH", "JavaDeserializationRCE_QUERYSTRING", "Host_localhost_HEADER",
        "PROPFIND_METHOD", "ExploitablePaths_URIPATH", "Log4JRCE_HEADER", "Log4JRCE_QUERYSTRING", "Log4JRCE_URIPATH",
      ]
    }
    AWSManagedRulesCommonRuleSet = {
      priority = 12
      counted = [
        "NoUserAgent_HEADER", "SizeRestrictions_QUERYSTRING",
        "SizeRestrictions_BODY", "CrossSiteScripting_BODY", "GenericLFI_BODY", "GenericRFI_BODY", "EC2MetaDataSSRF_BODY",
      ]
      blocked = [
        "UserAgent_BadBots_HEADER", "SizeRestrictions_Cookie_HEADER", "SizeRestrictions_URIPATH",
        "EC2MetaDataSSRF_COOKIE", "EC2MetaDataSSRF_URIPATH", "EC2MetaDataSSRF_QUERYARGUMENTS", "GenericLFI_QUERYARGUMENTS", "GenericLFI_URIPATH",
        "RestrictedExtensions_URIPATH", "RestrictedExtensions_QUERYARGUMENTS", "GenericRFI_QUERYARGUMENTS", "GenericRFI_URIPATH",
        "CrossSiteScripting_COOKIE", "CrossSiteScripting_QUERYARGUMENTS", "CrossSiteScripting_URIPATH",
      ]
    }
  }

  # Requests of one address within five minutes.
  rates = var.rate_limit == null ? {} : {
    writes   = { priority = 0, limit = var.rate_limit.writes, methods = "^(POST|PUT|PATCH|DELETE)$" }
    requests = { priority = 1, limit = var.rate_limit.requests, methods = null }
  }

  # What a refused client reads: a problem document, as from the services. The firewall cannot name its media type: it allows any
  # header but Content-Type, which is application/json.
  problems = {
    refused        = { status = 403, title = "Forbidden", detail = "the firewall takes this request for an attack" }
    query_too_long = { status = 414, title = "URI Too Long", detail = "the query is longer than ${local.longest_query} bytes" }
    too_many       = { status = 429, title = "Too Many Requests", detail = "too many requests from this address within five minutes" }
  }

  # A page may read the refusal where it may call the API. It is the same for everybody, so one value does for all origins.
  cors_headers = length(var.cors_origins) == 0 ? {} : {
    Access-Control-Allow-Origin   = "*"
    Access-Control-Expose-Headers = "Retry-After"
  }
}

resource "aws_wafv2_web_acl" "this" {
  name  = var.name
  scope = "REGIONAL"

  default_action {
    allow {}
  }

  dynamic "custom_response_body" {
    for_each = local.problems

    content {
      key          = custom_response_body.key
      content_type = "APPLICATION_JSON"
      content = jsonencode({
        type   = "about:blank"
        title  = custom_response_body.value.title
        status = custom_response_body.value.status
        detail = custom_response_body.value.detail
      })
    }
  }

  dynamic "rule" {
    for_each = local.rates

    content {
      name     = rule.key
      priority = rule.value.priority

      action {
        block {
          custom_response {
            response_code            = local.problems.too_many.status
            custom_response_body_key = "too_many"

            dynamic "response_header" {
              for_each = merge(local.cors_headers, { Retry-After = "300" })

              content {
                name  = response_header.key
                value = response_header.value
              }
            }
          }
        }
      }

      statement {
        rate_based_statement {
          aggregate_key_type    = "IP"
          evaluation_window_sec = 300
          limit                 = rule.value.limit

          dynamic "scope_down_statement" {
            for_each = rule.value.methods[*]

            content {
              regex_match_statement {
                regex_string = scope_down_statement.value

                field_to_match {
                  method {}
                }

                text_transformation {
                  priority = 0
                  type     = "NONE"
                }
              }
            }
          }
        }
      }

      visibility_config {
        cloudwatch_metrics_enabled = true
        metric_name                = rule.key
        sampled_requests_enabled   = true
      }
    }
  }

  rule {
    name     = "query"
    priority = 2

    action {
      block {
        custom_response {
          response_code            = local.problems.query_too_long.status
          custom_response_body_key = "query_too_long"

          dynamic "response_header" {
            for_each = local.cors_headers

            content {
              name  = response_header.key
              value = response_header.value
            }
          }
        }
      }
    }

    statement {
      size_constraint_statement {
        comparison_operator = "GT"
        size                = local.longest_query

        field_to_match {
          query_string {}
        }

        text_transformation {
          priority = 0
          type     = "NONE"
        }
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "query"
      sampled_requests_enabled   = true
    }
  }

  dynamic "rule" {
    for_each = local.managed_rules

    content {
      name     = rule.key
      priority = rule.value.priority

      override_action {
        none {}
      }

      statement {
        managed_rule_group_statement {
          name        = rule.key
          vendor_name = "AWS"

          dynamic "rule_action_override" {
            for_each = rule.value.counted

            content {
              name = rule_action_override.value

              action_to_use {
                count {}
              }
            }
          }

          dynamic "rule_action_override" {
            for_each = rule.value.blocked

            content {
              name = rule_action_override.value

              action_to_use {
                block {
                  custom_response {
                    response_code            = local.problems.refused.status
                    custom_response_body_key = "refused"

                    dynamic "response_header" {
                      for_each = local.cors_headers

                      content {
                        name  = response_header.key
                        value = response_header.value
                      }
                    }
                  }
                }
              }
            }
          }
        }
      }

      visibility_config {
        cloudwatch_metrics_enabled = true
        metric_name                = rule.key
        sampled_requests_enabled   = true
      }
    }
  }

  visibility_config {
    cloudwatch_metrics_enabled = true
    metric_name                = var.name
    sampled_requests_enabled   = true
  }
}

resource "aws_wafv2_web_acl_association" "this" {
  resource_arn = aws_lb.this.arn
  web_acl_arn  = aws_wafv2_web_acl.this.arn
}

# What was refused, so that a person who was can be told why.
resource "aws_cloudwatch_log_group" "refused" {
  name              = "aws-waf-logs-${var.name}" # the service demands the prefix
  retention_in_days = 30
}

resource "aws_wafv2_web_acl_logging_configuration" "this" {
  resource_arn            = aws_wafv2_web_acl.this.arn
  log_destination_configs = [aws_cloudwatch_log_group.refused.arn]

  redacted_fields {
    single_header {
      name = "authorization"
    }
  }

  redacted_fields {
    single_header {
      name = "cookie"
    }
  }

  logging_filter {
    default_behavior = "DROP"

    filter {
      behavior    = "KEEP"
      requirement = "MEETS_ANY"

      condition {
        action_condition {
          action = "BLOCK"
        }
      }
    }
  }
}
