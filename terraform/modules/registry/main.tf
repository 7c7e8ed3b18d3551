data "aws_caller_identity" "current" {}

resource "aws_ecr_repository" "this" {
  for_each = var.images

  name                 = "${var.name}/${each.value}"
  image_tag_mutability = "IMMUTABLE"
  force_delete         = var.force_delete

  image_scanning_configuration {
    scan_on_push = true
  }
}

locals {
  # A push makes one index of the commit and two of its architectures, and beside them untagged images and attestations. What an index
  # lists stays as long as the index, whatever a rule says. A rule takes images that no rule before it selects, and several patterns in
  # one rule select images that match them all: so each architecture has its own.
  # https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
  lifecycle_rules = concat(
    [{
      description = "Untagged images go after 14 days"
      selection   = { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = 14 }
    }],
    [for architecture in ["amd64", "arm64"] : {
      description = "Indexes of ${architecture} alone go after 30 days: the commit's index lists their images too"
      selection   = { tagStatus = "tagged", tagPatternList = ["*-${architecture}"], countType = "sinceImagePushed", countUnit = "days", countNumber = 30 }
    }],
    # Counted and not by their last pull: a task that has run for long pulled its image long ago, and may need it again.
    [{
      description = "The last 500 commits stay"
      selection   = { tagStatus = "tagged", tagPatternList = ["*"], countType = "imageCountMoreThan", countNumber = 500 }
    }],
  )
}

resource "aws_ecr_lifecycle_policy" "this" {
  for_each = aws_ecr_repository.this

  repository = each.value.name

  policy = jsonencode({
    rules = [for position, rule in local.lifecycle_rules : merge(rule, { rulePriority = position + 1, action = { type = "expire" } })]
  })
}

# One configuration per account and Region. Repositories that it had to create would lack the settings above, so the other
# Region declares its own.
resource "aws_ecr_replication_configuration" "this" {
  count = var.replicate_to == null ? 0 : 1

  replication_configuration {
    rule {
      destination {
        region      = var.replicate_to
        registry_id = data.aws_caller_identity.current.account_id
      }

      repository_filter {
        filter      = "${var.name}/"
        filter_type = "PREFIX_MATCH"
      }
    }
  }
}
