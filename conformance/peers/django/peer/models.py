"""The models of the application on django-scim2, as its documentation shows them."""

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models
from django_scim.models import AbstractSCIMGroupMixin, AbstractSCIMUserMixin


class User(AbstractSCIMUserMixin, AbstractBaseUser):
    username = models.CharField(max_length=254, unique=True)
    first_name = models.CharField(max_length=254, blank=True, default="")
    last_name = models.CharField(max_length=254, blank=True, default="")
    email = models.EmailField(blank=True, default="")
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(auto_now_add=True)
    date_updated = models.DateTimeField(auto_now=True)

    USERNAME_FIELD = "username"
    objects = BaseUserManager()

    class Meta:
        app_label = "peer"

    @property
    def scim_groups(self):
        return Group.objects.filter(user_set=self)


class Group(AbstractSCIMGroupMixin):
    name = models.CharField(max_length=254)
    user_set = models.ManyToManyField(User)

    class Meta:
        app_label = "peer"
