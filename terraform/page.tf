# The forum's page for people, by var.web.

locals {
  page_url     = !var.web ? null : var.web_url != null ? var.web_url : try("https://${var.domain_name}", null)
  page_service = contains(local.programs, "all") ? "all" : "threads"

  page = !var.web ? null : {
    service = local.page_service
    environment = { for name, value in {
      WEB           = "true"
      WEB_URL       = local.page_url
      API_URL       = local.page_service == "threads" ? local.page_url : null # who has all routes asks no other
      WEB_CLIENT_ID = var.cognito ? module.cognito[0].client_ids.page : var.web_client_id
    } : name => value if value != null }
  }

  # Every process has the same key, so that any of them can serve any request; the second Region reads a copy.
  page_key_arns = {
    primary = one(aws_secretsmanager_secret_version.page_key[*].arn)
    dr      = try(replace(one(aws_secretsmanager_secret_version.page_key[*].arn), ":${var.aws_region}:", ":${var.dr_region}:"), null)
  }
}

# 32 characters are the 32 bytes of a key.
data "aws_secretsmanager_random_password" "page_key" {
  count = var.web ? 1 : 0

  password_length     = 32
  exclude_punctuation = true
}

resource "aws_secretsmanager_secret" "page_key" {
  count = var.web ? 1 : 0

  name                    = "${var.project}-${var.environment}-page-key"
  description             = "Encrypts the cookies of the forum's page. Another value logs everybody out."
  recovery_window_in_days = var.deletion_protection ? 7 : 0

  dynamic "replica" {
    for_each = local.dr_stack ? [var.dr_region] : []

    content {
      region = replica.value
    }
  }
}

resource "aws_secretsmanager_secret_version" "page_key" {
  count = var.web ? 1 : 0

  secret_id     = aws_secretsmanager_secret.page_key[0].id
  secret_string = base64encode(data.aws_secretsmanager_random_password.page_key[0].random_password)

  lifecycle {
    ignore_changes = [secret_string] # every plan reads another one
  }
}
