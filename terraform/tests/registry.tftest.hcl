# The image that runs stays, however often others are pushed.

mock_provider "aws" {
  source = "./tests/mocks"
}

run "lifecycle" {
  command = plan

  module {
    source = "./modules/registry"
  }

  variables {
    name         = "forum-microservices-dev"
    images       = ["users"]
    replicate_to = null
    force_delete = false
  }

  assert {
    condition = [
      for rule in jsondecode(aws_ecr_lifecycle_policy.this["users"].policy).rules : join(" ", compact([
        rule.rulePriority, rule.selection.tagStatus, join(" and ", try(rule.selection.tagPatternList, [])),
        rule.selection.countType, rule.selection.countNumber, try(rule.selection.countUnit, ""),
      ]))
      ] == [
      "1 untagged sinceImagePushed 14 days",
      "2 tagged *-amd64 sinceImagePushed 30 days",
      "3 tagged *-arm64 sinceImagePushed 30 days",
      "4 tagged * imageCountMoreThan 500",
    ]
    error_message = "Only the indexes of commits may count towards the 500 that stay."
  }

  assert {
    condition     = alltrue([for repository in aws_ecr_repository.this : repository.image_tag_mutability == "IMMUTABLE" && !repository.force_delete])
    error_message = "A tag means the same image for ever."
  }
}
